"""What `run_export` imports before it forks: the export, and the libraries that it imports where it needs them."""

import timm.data  # noqa: F401
import transformers

import services.export.exporter  # noqa: F401

# Transformers imports a class when it is first used.
_ = transformers.AutoImageProcessor, transformers.AutoModelForImageClassification
