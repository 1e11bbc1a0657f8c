"""The same work as our tasks, by the official Python SDK, for comparison: `python azure_ml_sdk.py INFO OPERATION ARGUMENTS...`.

It is pointed at a cloud by the SDK's own settings, which the environment brings. Peak memory goes to the file of PEAK_MEMORY_FILE, in KiB.
"""

import atexit
import json
import os
import resource
import sys


def report_peak():
    with open(os.environ["PEAK_MEMORY_FILE"], "w", encoding="utf-8") as file:
        file.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


atexit.register(report_peak)
info_file, operation, *arguments = sys.argv[1:]
with open(info_file, encoding="utf-8") as file:
    info = json.load(file)

from azure.ai.ml import MLClient, load_job  # noqa: E402
from azure.ai.ml.entities import Model  # noqa: E402
from azure.identity import ClientSecretCredential  # noqa: E402

client = MLClient(
    ClientSecretCredential(
        info["tenantId"],
        info["clientId"],
        info["clientSecret"],
        authority=info["authority"],
        disable_instance_discovery=True,
    ),
    info["subscriptionId"],
    info["resourceGroup"],
    info["workspace"],
)

if operation == "train":
    job = client.jobs.create_or_update(load_job(arguments[0]))
    client.jobs.stream(job.name)
    print(json.dumps({"job": job.name}))
elif operation == "register":
    name, path = arguments
    model = client.models.create_or_update(Model(name=name, path=path, type="custom_model"))
    print(json.dumps({"version": model.version}))
else:
    sys.exit(f"unknown operation {operation}")
