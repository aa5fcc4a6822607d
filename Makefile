# `make help` lists all targets. Nothing is installed outside this folder.

PYTHON ?= python3
VENV := .venv/bin
# Four processes, each with its own servers, share the test files: two are busy while two wait for a browser or a crawl.
# TESTS="tests/exhibit -q" runs a part of the tests.
TESTS ?= -n 4 --dist loadfile --no-loadscope-reorder
CODE := exhibit registry crawler indexer evidence workers desk demo bench training tests tools
# Checks read Django's settings, which create secrets on first use, so they use their own data folder.
CHECK_ENV := EXHIBIT_DATA=$(CURDIR)/var/check

# Without compiled files, each of the many processes of tests and the demonstration would compile its imports again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long test-all test-root check types collected imports files up bench bench-matching calibrate-weighing bench-evidence bench-desk bench-reach fuzz chaos soak verify-outside reference docs docs-serve messages screenshots verify-page lock audit sbom release clean

help: ## list all targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## create .venv with all dependencies from the package index
	@$(PYTHON) tools/bootstrap.py
	@test -e .venv/bin/exhibit || ln -sf ../../bin/exhibit .venv/bin/exhibit

demo: setup ## run all of Exhibit once, into ./demo-out; PHOTOS=DIR uses your own pictures
	@$(VENV)/python -m demo --out demo-out $(if $(PHOTOS),--photos "$(PHOTOS)")

test: check ## run linters, type checks, import checks and all tests except the long ones
	$(VENV)/python tools/run_tests.py $(TESTS)

test-long: setup ## run the long tests: browser walks, kills and races, all forgeries, whole days
	$(VENV)/python tools/run_tests.py -m "long or hypothesis" --hypothesis-profile=long $(TESTS)

test-all: check ## run linters, type checks, import checks and all tests
	$(VENV)/python tools/run_tests.py -m "long or not long" --hypothesis-profile=long $(TESTS)

test-root: setup ## run the tests of root's behaviour; as root only, after `make test-all` as an ordinary user
	$(VENV)/python tools/run_tests.py -m root --hypothesis-profile=long $(TESTS)

check: setup ## run linters, type checks and import checks, and collect all tests
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	@$(MAKE) --no-print-directory --jobs=2 types collected imports files

types:
	$(CHECK_ENV) $(VENV)/mypy $(wildcard $(CODE))

# Collecting once compiles all tests, so that the processes of a run need not.
collected:
	@mkdir -p var && $(VENV)/python -m pytest --collect-only -qqq >var/collected.txt || { cat var/collected.txt; exit 1; }

imports:
	$(CHECK_ENV) $(VENV)/lint-imports

files:
	$(VENV)/djhtml --check --tabwidth 2 desk/web/templates
	$(VENV)/hadolint Dockerfile
	$(VENV)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

up: setup ## run Exhibit for daily use, until Ctrl-C
	@$(VENV)/python -m desk up

bench: setup ## measure the values in docs/benchmarks.md; BENCH="--photos DIR" uses your own pictures
	@$(VENV)/python -m bench $(BENCH)

bench-matching: setup ## measure the values in docs/explanation/accuracy.md; BENCH="--photos DIR" uses your own pictures
	@$(VENV)/python -m bench matching $(BENCH)

calibrate-weighing: setup ## fit the weights of the comparison to measured pairs, into bench-out/weighing; takes hours; BENCH="--photos WORKS --unrelated STRANGERS --lookalikes FOLDER"
	@$(VENV)/python -m bench weighing $(BENCH)

bench-evidence: setup ## measure sealing, verification, captures and reports, compared with other programs
	@$(VENV)/python -m bench evidence $(BENCH)

bench-desk: setup ## measure each page of the site with 100,000 works, 1 million sightings and 20,000 cases in var/bench-desk; SEED="--works 5000 …" uses fewer
	@test -e var/bench-desk/seeded || { EXHIBIT_DATA=$(CURDIR)/var/bench-desk $(VENV)/python -m bench.seed $(SEED) && touch var/bench-desk/seeded; }
	@EXHIBIT_DATA=$(CURDIR)/var/bench-desk $(VENV)/python -m bench.desk $(BENCH)

bench-reach: setup ## compare the pictures that the crawler finds on real pages with those that Chromium requests; needs npm, pip and chromium
	@$(VENV)/python -m bench.reach $(BENCH)

fuzz: setup ## fuzz each reader of untrusted data, MINUTES=10 each; faults are written to var/fuzz
	@$(PYTHON) tools/bootstrap.py fuzz
	@$(VENV)/python -m tests.fuzz --minutes $(or $(MINUTES),10) $(TARGETS)

chaos: setup ## run ROUNDS=200 rounds of kills, full disks, changed clocks and more, compared with an undisturbed run; continues the rounds in RECORD
	@$(VENV)/python -m tests.chaos rounds --rounds $(or $(ROUNDS),200) $(if $(SEED),--seed $(SEED)) $(if $(RECORD),--record "$(RECORD)")

soak: setup ## run Exhibit under a steady load for SECONDS=3600, and check that memory, descriptors, tables and Redis's file do not grow
	@$(VENV)/python -m tests.chaos soak --seconds $(or $(SECONDS),3600)

verify-outside: setup ## verify BUNDLE=bundle.zip with third-party programs; ROOTS=roots.pem, NODE=URL
	@$(VENV)/python tools/verify_outside.py "$(BUNDLE)" $(if $(ROOTS),--roots "$(ROOTS)") $(if $(NODE),--node "$(NODE)") $(OUTSIDE)

verify-page: setup ## write the verification page verify.html with this version's trust list
	@$(VENV)/python -m evidence page > verify.html && sha256sum verify.html

reference: setup ## generate the reference of commands, settings, API operations and bundle fields in docs/reference
	@$(VENV)/python -m tools.reference

docs: setup ## build the documentation site with the generated reference into site/; fails on broken links
	@$(PYTHON) tools/bootstrap.py docs
	@$(MAKE) --no-print-directory reference
	NO_MKDOCS_2_WARNING=1 $(VENV)/mkdocs build --strict

docs-serve: setup ## serve the documentation at http://127.0.0.1:8000/ and rebuild it on changes, until Ctrl-C
	@$(PYTHON) tools/bootstrap.py docs
	@$(MAKE) --no-print-directory reference
	NO_MKDOCS_2_WARNING=1 $(VENV)/mkdocs serve

messages: setup ## update the translation catalogues, and count untranslated messages
	@$(VENV)/python tools/messages.py

screenshots: setup ## take screenshots of the site for docs/ from the data of `make demo`; needs Chromium
	@$(VENV)/python -m tools.screenshots

lock: ## update requirements/ after a change of pyproject.toml; UPGRADE=1 uses newer versions
	@$(PYTHON) tools/bootstrap.py lock $(if $(UPGRADE),--upgrade)

audit: ## check all pinned packages for known vulnerabilities; fails if one is found or a package cannot be checked
	@$(PYTHON) tools/bootstrap.py audit $(AUDIT)

sbom: setup ## write the list of all components with hashes and licences, as CycloneDX JSON in dist/
	@$(VENV)/python tools/release.py sbom

release: setup ## write the archive of HEAD, the verification page, the SBOM and their SHA-256 to dist/, reproducibly
	@$(VENV)/python tools/release.py

clean: ## delete all generated files
	git clean -fqX docs/reference
	rm -rf .venv .uv demo-out bench-out dist site var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
