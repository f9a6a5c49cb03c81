"""What serves: the models' services, their directory, and the export of models."""

import sys

# OpenVINO and NNCF report each start to a statistics service of their maker. Nothing here calls strangers unasked, and
# where this package cannot be imported, they do without.
sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # how an import is made to fail
