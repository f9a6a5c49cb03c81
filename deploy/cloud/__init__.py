"""Google Cloud: the gcloud commands, their errors, and what is deployed at present."""
