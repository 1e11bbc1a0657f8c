"""A runtime of MLServer with its adaptive batching off for images (they differ in size) and tensors in its V2 form."""

import numpy as np
import serving
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.handlers.custom import custom_handler
from starlette.requests import Request
from starlette.responses import JSONResponse


class Runtime(MLModel):
    async def load(self) -> bool:
        self.model = serving.session()
        self.size = serving.size_of(self.model)
        return True

    @custom_handler(rest_path="/score")
    async def score(self, request: Request) -> JSONResponse:
        batch = serving.either(await request.body(), self.size)[np.newaxis].astype(np.float32)
        return JSONResponse(serving.answer(self.model.run(None, {"input": batch})[0][0]))

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        batch = NumpyCodec.decode_input(payload.inputs[0]).astype(np.float32)
        outputs = [NumpyCodec.encode_output("logits", self.model.run(None, {"input": batch})[0])]
        return InferenceResponse(model_name=self.name, outputs=outputs)
