"""The entry script of azureml-inference-server-http: one image a call, WORKER_COUNT processes."""

import numpy as np
import serving
from azureml_inference_server_http.api.aml_request import rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse


def init():
    global model, size
    model = serving.session()
    size = serving.size_of(model)


@rawhttp
def run(request):
    batch = serving.either(request.get_data(), size)[np.newaxis].astype(np.float32)
    return AMLResponse(serving.answer(model.run(None, {"input": batch})[0][0]), 200, json_str=True)
