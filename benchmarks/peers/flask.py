"""Flask on gunicorn, or on granian, with a process per core, each of which computes on one core.

https://flask.palletsprojects.com/en/stable/deploying/gunicorn/
Processes that each compute on all cores would slow one another down (see torch's documentation on CPU threading).
"""

from __future__ import annotations

from flask import Flask, Response, jsonify, request

from benchmarks.peers.work import Work

app = Flask(__name__)
work = Work.from_environment(threads=1)


@app.post("/predict")
def predict() -> Response:
    """Labels of the photo in the body."""
    return jsonify(work.predictions(request.get_data()))
