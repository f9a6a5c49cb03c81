"""FastAPI on uvicorn with a process per core; FastAPI runs the plain `def` in a thread.

https://fastapi.tiangolo.com/deployment/server-workers/ and https://fastapi.tiangolo.com/async/
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Request

from benchmarks.peers.work import Predictions, Work

app = FastAPI()
work = Work.from_environment(threads=1)


async def body(request: Request) -> bytes:
    return await request.body()


@app.post("/predict")
def predict(image: Annotated[bytes, Depends(body)]) -> Predictions:
    """Labels of the photo in the body."""
    return work.predictions(image)
