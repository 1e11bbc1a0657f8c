"""Ray Serve: WORKERS replicas with its batching. PORT, WORKERS, BATCH, DELAY (seconds)."""

import os
import signal

import numpy as np
import ray
import serving
from ray import serve
from starlette.requests import Request

BATCH, DELAY = int(os.environ["BATCH"]), float(os.environ["DELAY"])


@serve.deployment(num_replicas=int(os.environ["WORKERS"]), max_ongoing_requests=64, ray_actor_options={"num_cpus": 0.5})
class Scorer:
    def __init__(self):
        self.model = serving.session()
        self.size = serving.size_of(self.model)

    @serve.batch(max_batch_size=BATCH, batch_wait_timeout_s=DELAY)
    async def infer(self, tensors):
        return list(self.model.run(None, {"input": np.stack(tensors).astype(np.float32)})[0])

    async def __call__(self, request: Request):
        return serving.answer(await self.infer(serving.either(await request.body(), self.size)))


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
    serve.run(Scorer.bind(), route_prefix="/score")
    signal.sigwait([signal.SIGTERM, signal.SIGINT])
    serve.shutdown()
    ray.shutdown()
