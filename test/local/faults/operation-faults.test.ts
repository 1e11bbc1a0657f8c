import assert from 'node:assert/strict';
import { operationFailureCodes } from '../../../local/azure/faults/fault-rule';
import { until } from '../azure/azure-fixture';
import { EchoEndpoint } from '../online-endpoints/echo-endpoint';

interface Operation {
  status: string;
  error?: { code: string; message: string };
}

describe('local Azure: deployments that fail on demand', () => {
  let echo: EchoEndpoint;
  before(async () => {
    echo = await EchoEndpoint.start();
    await echo.prepare();
  });
  after(() => echo.end());

  it('end with each documented code, stay there as failed, and leave the endpoint as it was', async () => {
    const { fixture } = echo;
    const token = await fixture.token();
    const endpoint = `${fixture.workspaceId}/onlineEndpoints/echo`;
    const stateOf = async (path: string): Promise<string> => {
      const { json } = await fixture.call('GET', `${path}?api-version=2023-10-01`, { token });
      return (json as { properties: { provisioningState: string } }).properties.provisioningState;
    };
    for (const code of operationFailureCodes) {
      const name = code.toLowerCase();
      fixture.azure.faults.add({
        method: 'PUT',
        path: `onlineEndpoints/echo/deployments/${name}`,
        fault: { type: 'operation', code },
      });
      const { status, headers } = await fixture.call('PUT', `${endpoint}/deployments/${name}?api-version=2023-10-01`, {
        token,
        body: {
          location: 'eastus',
          sku: { name: 'Default', capacity: 1 },
          properties: {
            endpointComputeType: 'Managed',
            model: `${fixture.workspaceId}/models/letters/versions/1`,
            environmentId: `${fixture.workspaceId}/environments/echo/versions/1`,
            instanceType: 'Standard_DS3_v2',
          },
        },
      });
      assert.equal(status, 201);
      const { error } = await until(async () => {
        const { json } = await fixture.call('GET', String(headers['azure-asyncoperation']), { token });
        const operation = json as Operation;
        return operation.status === 'InProgress' ? undefined : operation;
      });
      assert.equal(error?.code, code);
      assert.match(await stateOf(`${endpoint}/deployments/${name}`), /^(Failed|Canceled)$/);
    }
    assert.equal(await stateOf(endpoint), 'Succeeded');
  });
});
