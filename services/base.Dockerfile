# The base image: Python and the packages of one lock file, nothing else.
# Named once in each Dockerfile, in a form that Dependabot updates.
FROM docker.io/library/python:3.11-slim AS python

FROM python AS packages
ARG LOCK=services/classifier.lock
COPY ${LOCK} /packages.lock
RUN python -m venv --without-pip /venv \
    && python -m pip --python /venv/bin/python install --no-cache-dir --no-compile --no-deps --only-binary=:all: \
        --require-hashes --requirement /packages.lock
# Not needed to serve: OpenVINO's plugins for GPUs and NPUs, its readers for other model formats and its C++ headers; and
# all packages' tests and type stubs.
RUN find /venv/lib \( -path '*/openvino/include' -o -path '*/openvino/cmake' -o -name tests \) -type d -prune \
        -exec rm -rf {} + \
    && find /venv/lib -type f \( -name '*.pyi' -o -path '*/openvino/libs/cache.json' -o -name 'libopenvino_intel_[gn]pu_*' \
        -o -name 'libopenvino_*_frontend.so*' ! -name 'libopenvino_ir_frontend.so*' \) -delete
# Bytecode that does not depend on timestamps, as the root file system may be read-only; and fixed dates, so that equal
# packages give an identical layer.
RUN PYTHONHASHSEED=0 python -m compileall -q --invalidation-mode unchecked-hash /venv/lib \
    && mkdir /rootfs && mv /venv /rootfs/ \
    && find /rootfs -exec touch --no-dereference --date=@0 {} +

FROM python
COPY --from=packages /rootfs/ /
# Temporary files are kept in memory, so that a read-only root file system works too.
ENV PATH=/venv/bin:${PATH} HOME=/tmp TMPDIR=/dev/shm PYTHONPATH=/app PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
