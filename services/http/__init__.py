"""What the Flask services share: settings, errors, logs, metrics and the server they run under."""
