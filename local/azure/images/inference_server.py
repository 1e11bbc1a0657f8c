"""The inference server of local Azure: a scoring script's init() and run(), or an MLflow model without a script.

Answers as azureml-inference-server-http does: GET / is healthy once the model is loaded, POST /score gives what run() returns as JSON,
an exception in run() is a 500 with `x-ms-run-function-failed: True`.
"""

import importlib.util
import json
import os
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def load_script(path):
    """init and run of a scoring script; ends the process when it has none or init fails, as the real server does."""
    folder = os.path.dirname(os.path.abspath(path))
    sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location("entry_script", path)
    if spec is None or spec.loader is None or not os.path.isfile(path):
        sys.exit(f"The scoring script {path} does not exist.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("init", "run"):
        if not callable(getattr(module, name, None)):
            sys.exit(f"The scoring script {os.path.basename(path)} has no function {name}().")
    module.init()
    return lambda body: module.run(body.decode())


def load_mlflow(folder):
    """predict of the MLflow model in that folder, with the input forms of Azure ML's no-code deployment."""
    import mlflow.pyfunc

    model = mlflow.pyfunc.load_model(folder)

    def run(body):
        request = json.loads(body)
        if not isinstance(request, dict) or "input_data" not in request:
            raise BadRequest("The request must be a JSON object with input_data.")
        return plain(model.predict(table(request["input_data"])))

    return run


def table(given):
    """`{columns, index, data}` as a data frame, a list as an array, anything else as it is."""
    if isinstance(given, dict) and "columns" in given and "data" in given:
        import pandas

        return pandas.DataFrame(given["data"], columns=given["columns"], index=given.get("index"))
    if isinstance(given, list):
        import numpy

        return numpy.array(given)
    return given


def plain(result):
    """Predictions as JSON has them."""
    if hasattr(result, "to_dict") and hasattr(result, "columns"):
        return result.to_dict(orient="records")
    if hasattr(result, "tolist"):
        return result.tolist()
    return result


class BadRequest(Exception):
    pass


def handler(run):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if self.path.split("?")[0] == "/":
                self.answer(200, "Healthy")
            else:
                self.answer(404, "Not found")

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.path.split("?")[0] != "/score":
                self.answer(404, "Not found")
                return
            try:
                result = run(body)
                self.answer(200, result, failed=False)
            except BadRequest as error:
                self.answer(400, {"message": str(error)}, failed=True)
            except Exception as error:  # Whatever the user's code throws is an answer.
                traceback.print_exc()
                self.answer(500, {"message": f"{type(error).__name__}: {error}"}, failed=True)

        def answer(self, status, content, failed=None):
            text = json.dumps(content, default=str).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            if failed is not None:
                self.send_header("x-ms-run-function-failed", str(failed))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format, *values):
            # The probes of every few seconds are no news.
            if self.path != "/":
                print(format % values, flush=True)

    return Handler


def main():
    script = os.environ.get("AZUREML_ENTRY_SCRIPT")
    run = load_script(os.path.join(os.environ["AML_APP_ROOT"], script)) if script else load_mlflow(os.environ["MLFLOW_MODEL_FOLDER"])
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), handler(run))
    print(f"The inference server listens on port {server.server_port}.", flush=True)
    server.serve_forever()


main()
