"""The models, their gateway and the page, brought to one machine or to Google Cloud."""
