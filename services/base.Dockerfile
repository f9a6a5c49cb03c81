# What an image stands on: Python and the packages of one lock file, nothing else. It changes when they do.
ARG PYTHON=docker.io/library/python:3.11-slim

FROM ${PYTHON} AS packages
ARG LOCK=services/classifier.lock
COPY ${LOCK} /packages.lock
RUN python -m venv --without-pip /venv \
    && python -m pip --python /venv/bin/python install --no-cache-dir --no-compile --no-deps --only-binary=:all: \
        --require-hashes --requirement /packages.lock
# OpenVINO comes with plugins for processors that the cloud's instances lack, readers of formats that no artifact has,
# and C++ headers. Tests of packages and type stubs are of no use here either.
RUN find /venv/lib \( -path '*/openvino/include' -o -path '*/openvino/cmake' -o -name tests \) -type d -prune \
        -exec rm -rf {} + \
    && find /venv/lib -type f \( -name '*.pyi' -o -path '*/openvino/libs/cache.json' -o -name 'libopenvino_intel_[gn]pu_*' \
        -o -name 'libopenvino_*_frontend.so*' ! -name 'libopenvino_ir_frontend.so*' \) -delete
# Bytecode that no date can make stale, as the root file system may be read-only; and no dates that differ from build to
# build, so that the same packages are the same layer.
RUN PYTHONHASHSEED=0 python -m compileall -q --invalidation-mode unchecked-hash /venv/lib \
    && mkdir /rootfs && mv /venv /rootfs/ \
    && find /rootfs -exec touch --no-dereference --date=@0 {} +

FROM ${PYTHON}
COPY --from=packages /rootfs/ /
# Temporary files, such as a large upload's, go into memory: that works where the root file system is read-only, too.
ENV PATH=/venv/bin:${PATH} HOME=/tmp TMPDIR=/dev/shm PYTHONPATH=/app PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
