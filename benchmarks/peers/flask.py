"""Flask behind gunicorn, done right: a process per core, one thread of computing in each.

https://flask.palletsprojects.com/en/stable/deploying/gunicorn/ ; processes that each compute with all cores get in one
another's way (torch's documentation on CPU threading), hence one thread in each.
"""

from __future__ import annotations

from flask import Flask, Response, jsonify, request

from benchmarks.peers.work import Work

app = Flask(__name__)
work = Work.from_environment(threads=1)


@app.post("/predict")
def predict() -> Response:
    """The labels of the photo in the body."""
    return jsonify(work.answer(request.get_data()))
