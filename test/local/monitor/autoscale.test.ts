import assert from 'node:assert/strict';
import type { AutoscaleEvent } from '../../../local/azure/monitor/autoscale';
import { until, type Answer } from '../azure/azure-fixture';
import { EchoEndpoint } from '../online-endpoints/echo-endpoint';

describe('local Azure: autoscale settings', function () {
  this.timeout(120_000);
  let echo: EchoEndpoint;

  before(async () => {
    echo = await EchoEndpoint.start();
    await echo.prepare();
    await echo.deploy('one');
    await echo.traffic({ one: 100 });
  });
  after(() => echo.end());

  const target = () => `${echo.fixture.workspaceId}/onlineEndpoints/echo/deployments/one`;
  const settings = () => {
    const { subscriptionId, resourceGroup } = echo.fixture.azure.description;
    return `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Insights/autoscalesettings`;
  };
  const call = (method: string, path: string, body?: unknown): Promise<Answer> =>
    echo.arm(method, path, body, '2022-10-01');
  const capacity = (minimum: number, maximum: number, otherwise = minimum): Record<string, string> => ({
    minimum: String(minimum),
    maximum: String(maximum),
    default: String(otherwise),
  });
  const setting = (profiles: unknown[], more: Record<string, unknown> = {}): Record<string, unknown> => ({
    location: 'eastus',
    properties: { enabled: true, targetResourceUri: target(), profiles, ...more },
  });
  const latencyRule = (direction: string, operator: string, threshold: number): Record<string, unknown> => ({
    metricTrigger: {
      metricName: 'RequestLatency',
      metricResourceUri: `${echo.fixture.workspaceId}/onlineEndpoints/echo`,
      timeGrain: 'PT1M',
      statistic: 'Average',
      timeWindow: 'PT10M',
      timeAggregation: 'Average',
      operator,
      threshold,
      dimensions: [{ DimensionName: 'deployment', Operator: 'Equals', Values: ['one'] }],
    },
    scaleAction: { direction, type: 'ChangeCount', value: '1', cooldown: 'PT5M' },
  });
  const evaluate = async (at?: string): Promise<AutoscaleEvent[]> =>
    (
      (await echo.fixture.call('POST', '/_local/autoscale/evaluate', { body: at === undefined ? {} : { at } }))
        .json as {
        value: AutoscaleEvent[];
      }
    ).value;
  const instances = async (): Promise<number | undefined> => {
    const { sku } = await echo.fixture.client().onlineDeployments.get(...echo.fixture.names, 'echo', 'one');
    return sku?.capacity;
  };
  const untilInstances = (wanted: number): Promise<true> =>
    until(async () => ((await instances()) === wanted ? true : undefined));

  it('keeps a setting as it was put, lists it, and applies its minimum by itself', async () => {
    assert.equal((await call('GET', `${settings()}/scale`)).status, 404);
    const put = await call(
      'PUT',
      `${settings()}/scale`,
      setting([{ name: 'base', capacity: capacity(2, 4), rules: [] }]),
    );
    assert.equal(put.status, 201);
    const { id, name, properties } = put.json as { id: string; name: string; properties: Record<string, unknown> };
    assert.match(id, /\/providers\/microsoft\.insights\/autoscalesettings\/scale$/);
    assert.deepEqual([name, properties.enabled, properties.targetResourceUri], ['scale', true, target()]);
    await untilInstances(2);
    const inGroup = (await call('GET', settings())).json as { value: { name: string }[] };
    const inSubscription = (await call('GET', settings().replace(/\/resourceGroups\/[^/]+/, ''))).json;
    assert.deepEqual(
      inGroup.value.map(one => one.name),
      ['scale'],
    );
    assert.deepEqual(inSubscription, inGroup);
  });

  it('scales out by what the router measured, once in a cooldown, and records whom it would tell', async () => {
    await echo.settled('onlineEndpoints/echo/deployments/one');
    const notifications = [
      {
        operation: 'Scale',
        email: { customEmails: ['ops@example.com'] },
        webhooks: [{ serviceUri: 'https://example.com/h' }],
      },
    ];
    const rules = [latencyRule('Increase', 'GreaterThan', 0), latencyRule('Decrease', 'LessThan', 0)];
    const profile = { name: 'load', capacity: capacity(2, 4), rules };
    assert.equal(
      (await call('PATCH', `${settings()}/scale`, { properties: { profiles: [profile], notifications } })).status,
      200,
    );
    // Nothing was scored: there is no latency, and the default is there already.
    assert.deepEqual(await evaluate(), []);
    await echo.score('hi');
    // The minimum was applied a moment ago.
    assert.deepEqual(await evaluate(), []);
    const inMinutes = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString();
    const [event] = await evaluate(inMinutes(6));
    assert.deepEqual(
      [event?.from, event?.to, event?.emails, event?.webhooks],
      [2, 3, ['ops@example.com'], ['https://example.com/h']],
    );
    assert.match(event?.reason ?? '', /RequestLatency was [\d.]+ over PT10M: GreaterThan 0/);
    assert.equal(await instances(), 3);
    assert.deepEqual(await evaluate(inMinutes(7)), []);
    // After the cooldown the latency is out of the window.
    assert.deepEqual(await evaluate(inMinutes(15)), []);
    const { value } = (await echo.fixture.call('GET', '/_local/autoscale/events')).json as { value: AutoscaleEvent[] };
    assert.deepEqual(
      value.map(({ from, to }) => [from, to]),
      [
        [1, 2],
        [2, 3],
      ],
    );
  });

  it('follows a schedule', async () => {
    const at = (days: string[]): unknown => ({
      frequency: 'Week',
      schedule: { timeZone: 'UTC', days, hours: [0], minutes: [0] },
    });
    const profiles = [
      { name: 'weekend', capacity: capacity(1, 1), recurrence: at(['Saturday']) },
      { name: 'week', capacity: capacity(2, 2), recurrence: at(['Monday']) },
    ];
    await call('PUT', `${settings()}/scale`, setting(profiles, { enabled: false }));
    assert.deepEqual(await evaluate('2026-03-07T12:00:00Z'), []);
    await call('PUT', `${settings()}/scale`, setting(profiles));
    await evaluate('2026-03-07T12:00:00Z');
    assert.equal(await instances(), 1);
    const [event] = await evaluate('2026-03-11T12:00:00Z');
    assert.deepEqual([event?.profile, event?.to], ['week', 2]);
  });

  it('refuses a second setting for a target, an unknown target and an unknown metric', async () => {
    const profile = { name: 'base', capacity: capacity(1, 2), rules: [] };
    assert.equal((await call('PUT', `${settings()}/other`, setting([profile]))).status, 409);
    const nowhere = setting([profile], { targetResourceUri: `${target()}x` });
    assert.equal((await call('PUT', `${settings()}/other`, nowhere)).status, 404);
    const rule = latencyRule('Increase', 'GreaterThan', 1);
    (rule.metricTrigger as Record<string, unknown>).metricName = 'Moonlight';
    const unknown = await call('PUT', `${settings()}/scale`, setting([{ ...profile, rules: [rule] }]));
    assert.equal(unknown.status, 400);
    assert.match(unknown.text, /Moonlight is not supported/);
    assert.equal((await call('PUT', `${settings()}/scale`, { location: 'eastus' })).status, 400);
  });

  it('is still there after a restart, and gone after DELETE', async () => {
    echo = await echo.restart();
    assert.equal((await call('GET', `${settings()}/scale`)).status, 200);
    assert.equal((await call('DELETE', `${settings()}/scale`)).status, 200);
    assert.equal((await call('DELETE', `${settings()}/scale`)).status, 204);
  });
});
