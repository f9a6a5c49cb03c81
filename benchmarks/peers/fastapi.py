"""FastAPI behind uvicorn with a process per core; a plain `def`, which FastAPI runs in a thread.

https://fastapi.tiangolo.com/deployment/server-workers/ and https://fastapi.tiangolo.com/async/
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Request

from benchmarks.peers.work import Answer, Work

app = FastAPI()
work = Work.from_environment(threads=1)


async def body(request: Request) -> bytes:
    """The photo."""
    return await request.body()


@app.post("/predict")
def predict(image: Annotated[bytes, Depends(body)]) -> Answer:
    """The labels of the photo in the body."""
    return work.answer(image)
