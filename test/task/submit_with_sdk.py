"""Submits job files with the official SDK: `python submit_with_sdk.py INFO FILE...`. What it sends counts, not what the service then says of it."""

import json
import sys

from azure.core.exceptions import HttpResponseError
from azure.ai.ml import MLClient, load_job
from azure.identity import ClientSecretCredential

with open(sys.argv[1], encoding="utf-8") as file:
    info = json.load(file)
credential = ClientSecretCredential(
    info["tenantId"], info["clientId"], info["clientSecret"], authority=info["authority"], disable_instance_discovery=True
)
client = MLClient(credential, info["subscriptionId"], info["resourceGroup"], info["workspace"])
for path in sys.argv[2:]:
    try:
        client.jobs.create_or_update(load_job(path))
    except HttpResponseError as error:
        print(error, flush=True)
