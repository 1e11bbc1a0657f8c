"""BentoML: WORKERS processes, each with adaptive batching of tensors behind its HTTP side."""

import os

import bentoml
import numpy as np
import serving
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def score(request: Request) -> JSONResponse:
    batch = serving.either(await request.body(), size)[np.newaxis].astype(np.float32)
    return JSONResponse(serving.answer(model.run(None, {"input": batch})[0][0]))


model = serving.session()
size = serving.size_of(model)


@bentoml.service(workers=int(os.environ["WORKERS"]), traffic={"timeout": 60, "max_concurrency": 1000})
@bentoml.asgi_app(Starlette(routes=[Route("/score", score, methods=["POST"])]), path="/")
class Scorer:
    pass
