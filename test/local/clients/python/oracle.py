"""Runs checks with an official client against local Azure and reports each as one JSON line on standard output.

A script of checks is started as `python SCRIPT.py INFO`, where INFO is a JSON file with what `npm run local` prints. It uses the client's own
documented settings, which the environment brings: ARM_CLOUD_METADATA_URL, REQUESTS_CA_BUNDLE, HTTPS_PROXY, NO_PROXY.
"""

import json
import os
import sys
import tempfile
import time
import traceback
from contextlib import redirect_stdout
from pathlib import Path

with open(sys.argv[1], encoding="utf-8") as file:
    info = json.load(file)
folder = Path(tempfile.mkdtemp(prefix="oracle-", dir=os.path.dirname(os.path.abspath(sys.argv[1]))))


def check(name):
    """Runs the function at once, under this name. What fails does not keep the next check from running."""

    def run(function):
        began = time.monotonic()
        report = {"name": name}
        # Clients print progress; standard output is the report's.
        with redirect_stdout(sys.stderr):
            try:
                function()
            except BaseException as error:  # a client may also exit
                report["error"] = "".join(traceback.format_exception(error, limit=-4))
        report["seconds"] = round(time.monotonic() - began, 2)
        print(json.dumps(report), flush=True)
        return function

    return run


def equal(actual, expected):
    assert actual == expected, f"\n  found    {actual!r}\n  expected {expected!r}"


def text_file(name, text):
    """A file with this text in the script's own folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def files_below(path):
    """Every file's text by its path below `path`."""
    return {str(file.relative_to(path)): file.read_text() for file in sorted(Path(path).rglob("*")) if file.is_file()}


def ml_client(**place):
    """azure-ai-ml, signed in as the service principal that has the Contributor role."""
    from azure.ai.ml import MLClient
    from azure.identity import ClientSecretCredential

    credential = ClientSecretCredential(
        info["tenantId"],
        info["clientId"],
        info["clientSecret"],
        authority=info["authority"],
        disable_instance_discovery=True,
    )
    place = place or {"workspace_name": info["workspace"]}
    return MLClient(credential, info["subscriptionId"], info["resourceGroup"], **place)
