# `make help` lists what there is. Nothing is installed outside this folder.

PYTHON ?= python3
VENV := .venv/bin
# four processes, each with servers of its own, take file after file: two cores are busy while two wait for a browser or a crawl;
# TESTS="tests/exhibit -q" runs a part
TESTS ?= -n 4 --dist loadfile --no-loadscope-reorder
CODE := exhibit registry crawler indexer evidence workers desk demo bench training tests tools
# checks read Django's settings, which make their secrets on first use: in a folder of their own
CHECK_ENV := EXHIBIT_DATA=$(CURDIR)/var/check

# each of the many processes that tests and the demonstration start would compile anew what it imports
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long test-all test-root check types collected imports files up bench bench-matching calibrate-weighing bench-evidence bench-desk bench-reach fuzz chaos soak verify-outside reference docs docs-serve messages screenshots verify-page lock audit sbom release clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## makes .venv with everything, from the package index alone
	@$(PYTHON) tools/bootstrap.py
	@test -e .venv/bin/exhibit || ln -sf ../../bin/exhibit .venv/bin/exhibit

demo: setup ## the whole way once, into ./demo-out; PHOTOS=DIR takes your own pictures
	@$(VENV)/python -m demo --out demo-out $(if $(PHOTOS),--photos "$(PHOTOS)")

test: check ## lint, types, imports and all tests but the long ones
	$(VENV)/python tools/run_tests.py $(TESTS)

test-long: setup ## the long tests: walks through the site in a browser, kills and races, every forgery, whole days at the desk
	$(VENV)/python tools/run_tests.py -m "long or hypothesis" --hypothesis-profile=long $(TESTS)

test-all: check ## lint, types, imports and all tests
	$(VENV)/python tools/run_tests.py -m "long or not long" --hypothesis-profile=long $(TESTS)

test-root: setup ## the tests of what Exhibit does differently for root; for root alone, after `make test-all` as an ordinary user
	$(VENV)/python tools/run_tests.py -m root --hypothesis-profile=long $(TESTS)

check: setup ## lint, types, imports, and whether all tests can be collected
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	@$(MAKE) --no-print-directory --jobs=2 types collected imports files

types:
	$(CHECK_ENV) $(VENV)/mypy $(wildcard $(CODE))

# each process of a run would compile all tests anew where nobody has before
collected:
	@mkdir -p var && $(VENV)/python -m pytest --collect-only -qqq >var/collected.txt || { cat var/collected.txt; exit 1; }

imports:
	$(CHECK_ENV) $(VENV)/lint-imports

files:
	$(VENV)/djhtml --check --tabwidth 2 desk/web/templates
	$(VENV)/hadolint Dockerfile
	$(VENV)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

up: setup ## the product for daily use, until Ctrl-C
	@$(VENV)/python -m desk up

bench: setup ## the figures of docs/benchmarks.md; BENCH="--photos DIR" takes your own pictures
	@$(VENV)/python -m bench $(BENCH)

bench-matching: setup ## the figures of docs/explanation/accuracy.md; BENCH="--photos DIR" takes your own pictures
	@$(VENV)/python -m bench matching $(BENCH)

calibrate-weighing: setup ## measures pairs and fits the weights of the comparison to them, into bench-out/weighing; needs hours, and BENCH="--photos WORKS --unrelated STRANGERS --lookalikes FOLDER"
	@$(VENV)/python -m bench weighing $(BENCH)

bench-evidence: setup ## seals, verifies, captures and reports, with figures beside those of other programs
	@$(VENV)/python -m bench evidence $(BENCH)

bench-desk: setup ## each page of the site with 100,000 works, 1 million sightings and 20,000 cases, in var/bench-desk; SEED="--works 5000 …" makes less
	@test -e var/bench-desk/seeded || { EXHIBIT_DATA=$(CURDIR)/var/bench-desk $(VENV)/python -m bench.seed $(SEED) && touch var/bench-desk/seeded; }
	@EXHIBIT_DATA=$(CURDIR)/var/bench-desk $(VENV)/python -m bench.desk $(BENCH)

bench-reach: setup ## which pictures of real pages the crawler finds, beside those that Chromium asks for; needs npm, pip and chromium
	@$(VENV)/python -m bench.reach $(BENCH)

fuzz: setup ## gives each reader of strangers' bytes changed ones, MINUTES=10 each; what breaks one is left in var/fuzz
	@$(PYTHON) tools/bootstrap.py fuzz
	@$(VENV)/python -m tests.fuzz --minutes $(or $(MINUTES),10) $(TARGETS)

chaos: setup ## ROUNDS=200 rounds of kills, full disks, moved clocks and more, each held against an undisturbed one; goes on after those in RECORD
	@$(VENV)/python -m tests.chaos rounds --rounds $(or $(ROUNDS),200) $(if $(SEED),--seed $(SEED)) $(if $(RECORD),--record "$(RECORD)")

soak: setup ## the product under a steady load for SECONDS=3600: memory, descriptors, tables and Redis's file stay flat
	@$(VENV)/python -m tests.chaos soak --seconds $(or $(SECONDS),3600)

verify-outside: setup ## checks BUNDLE=bundle.zip with other people's programs; ROOTS=roots.pem, NODE=URL
	@$(VENV)/python tools/verify_outside.py "$(BUNDLE)" $(if $(ROOTS),--roots "$(ROOTS)") $(if $(NODE),--node "$(NODE)") $(OUTSIDE)

verify-page: setup ## the verifier as one page, with the trust list of this version
	@$(VENV)/python -m evidence page > verify.html && sha256sum verify.html

reference: setup ## pages of all commands, settings, operations of the API and fields of a bundle, into docs/reference
	@$(VENV)/python -m tools.reference

docs: setup ## the documentation as a site, with the reference, into site/; fails if a link or an anchor leads nowhere
	@$(PYTHON) tools/bootstrap.py docs
	@$(MAKE) --no-print-directory reference
	NO_MKDOCS_2_WARNING=1 $(VENV)/mkdocs build --strict

docs-serve: setup ## the documentation at http://127.0.0.1:8000/, built again after each change, until Ctrl-C
	@$(PYTHON) tools/bootstrap.py docs
	@$(MAKE) --no-print-directory reference
	NO_MKDOCS_2_WARNING=1 $(VENV)/mkdocs serve

messages: setup ## brings the catalogues of the site's words up to date, and says what waits for a translator
	@$(VENV)/python tools/messages.py

screenshots: setup ## pictures of the site's pages for docs/, of what `make demo` has left; needs a Chromium
	@$(VENV)/python -m tools.screenshots

lock: ## writes requirements/ anew after a change in pyproject.toml; UPGRADE=1 takes newer versions
	@$(PYTHON) tools/bootstrap.py lock $(if $(UPGRADE),--upgrade)

audit: ## asks the advisory service about every pinned package; ends with an error where one has a known hole or couldn't be asked about
	@$(PYTHON) tools/bootstrap.py audit $(AUDIT)

sbom: setup ## the list of everything that the product is made of, with hashes and licences, as CycloneDX JSON in dist/
	@$(VENV)/python tools/release.py sbom

release: setup ## the archive of HEAD, the verifier's page, the SBOM and their SHA-256 in dist/: the same bytes every time
	@$(VENV)/python tools/release.py

clean: ## removes what these commands made here
	git clean -fqX docs/reference
	rm -rf .venv .uv demo-out bench-out dist site var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
