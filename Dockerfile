# syntax=docker/dockerfile:1

FROM python:3.12-slim AS packages
WORKDIR /exhibit
COPY pyproject.toml .
COPY tools/bootstrap.py tools/
COPY requirements requirements
# an index of your own: docker build --build-arg INDEX=https://…
ARG INDEX=https://pypi.org/simple
# optional components, such as: capture bucket evm
ARG EXTRAS="capture bucket"
# compiled here: whoever runs the container can't write beside the code, and each process would compile it anew
RUN UV_COMPILE_BYTECODE=1 UV_DEFAULT_INDEX="$INDEX" python tools/bootstrap.py runtime $EXTRAS

FROM python:3.12-slim
# pictures of pages, documents in Chinese, and a second way to verify a bundle
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends chromium fonts-noto-cjk openssl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/exhibit exhibit \
    && install --directory --owner=exhibit --group=exhibit /var/lib/exhibit
WORKDIR /exhibit
COPY --from=packages /exhibit/.venv .venv
COPY . .
RUN .venv/bin/python -m compileall -q crawler desk evidence exhibit indexer registry workers
ENV PATH=/exhibit/bin:/exhibit/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    EXHIBIT_DATA=/var/lib/exhibit \
    EXHIBIT_WEB_HOST=0.0.0.0 \
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 OPENCV_FOR_THREADS_NUM=1
USER 10001
VOLUME /var/lib/exhibit
EXPOSE 8080
# everything in one container; docker-compose.yml runs the parts apart
CMD ["python", "-m", "desk", "up"]
