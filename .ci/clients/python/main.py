"""The main job with the client that openapi-python-client makes: publish, register, list."""

import json
import os

from millrace_client import AuthenticatedClient
from millrace_client.api.integrations import list_integrations, register_integration
from millrace_client.api.publishing import publish_event
from millrace_client.models import (
    ConfigurationProblem,
    FilterConditions,
    IntegrationInput,
    IntegrationInputIntegrationType,
    Payload,
    WebhookParameters,
)

client = AuthenticatedClient(
    base_url=os.environ["MILLRACE_URL"], token=os.environ["MILLRACE_TOKEN"]
)
tenant = "dodici"

published = publish_event.sync(
    "order.created",
    client=client,
    body=Payload.from_dict({"id": "order-1", "grand_total": 320.08}),
    tenant=tenant,
    team="team-orders",
    service="shop",
    entity_id="order-1",
    idempotency_key="python",
)
integration = IntegrationInput(
    id="python",
    integration_type=IntegrationInputIntegrationType.PERMANENT,
    callback_parameters=WebhookParameters(callback_url=os.environ["RECEIVER"]),
    filter_conditions=FilterConditions(event_filter=["order.created"]),
)
registered = register_integration.sync(client=client, body=integration, tenant=tenant)
listed = list_integrations.sync(client=client, tenant=tenant)
refused = register_integration.sync(client=client, body=integration, tenant=tenant)
assert isinstance(refused, ConfigurationProblem)

print(
    json.dumps(
        {
            "position": published.position,
            "status": registered.status.value,
            "ids": [one.id for one in listed.integrations],
            "refusal": refused.error_code,
        }
    )
)
