"""The services of models, their directory, and the export of models."""

import sys

# OpenVINO and NNCF send usage statistics to Intel at each start. They skip that if this package cannot be imported.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # makes the import fail
