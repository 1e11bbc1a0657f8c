import assert from 'node:assert/strict';
import { until, type Answer } from '../azure/azure-fixture';
import { EchoEndpoint } from '../online-endpoints/echo-endpoint';

interface Value {
  timeStamp: string;
  total?: number;
  count?: number;
  average?: number;
  minimum?: number;
  maximum?: number;
}

interface Series {
  metadatavalues: { name: { value: string }; value: string }[];
  data: Value[];
}

interface MetricsAnswer {
  interval: string;
  namespace: string;
  resourceregion: string;
  value: { id: string; name: { value: string }; unit: string; timeseries: Series[]; errorCode: string }[];
}

describe('local Azure: metrics of online endpoints', function () {
  this.timeout(120_000);
  let echo: EchoEndpoint;
  const requests = { good: 7, bad: 3, direct: 2 };

  before(async () => {
    echo = await EchoEndpoint.start();
    await echo.prepare();
    await echo.deploy('one');
    await echo.deploy('two', { variables: { SLOW: '60' } });
    await echo.traffic({ one: 100 });
    const key = await echo.key();
    for (let index = 0; index < requests.good; index++) await echo.score('hi', {}, key);
    for (let index = 0; index < requests.bad; index++) await echo.score('status 500', {}, key);
    for (let index = 0; index < requests.direct; index++)
      await echo.score('hi', { 'azureml-model-deployment': 'two' }, key);
    await echo.score('hi', {}, 'wrong');
  });
  after(() => echo.end());

  const query = (parameters: Record<string, string>, resource = 'onlineEndpoints/echo'): Promise<Answer> =>
    echo.arm(
      'GET',
      `${resource}/providers/microsoft.insights/metrics?${new URLSearchParams(parameters).toString()}`,
      undefined,
      '2024-02-01',
    );
  const metrics = async (parameters: Record<string, string>, resource?: string): Promise<MetricsAnswer> => {
    const { status, json, text } = await query(parameters, resource);
    assert.equal(status, 200, text);
    return json as MetricsAnswer;
  };
  const sum = (series: Series[] | undefined): number =>
    (series ?? []).flatMap(({ data }) => data).reduce((total, one) => total + (one.total ?? 0), 0);

  it('counts what the router saw, by deployment, status and status of the model', async () => {
    const all = { metricnames: 'RequestsPerMinute', aggregation: 'total' };
    const { value, interval, namespace, resourceregion } = await metrics(all);
    assert.equal(interval, 'PT1M');
    assert.equal(namespace, 'microsoft.machinelearningservices/workspaces/onlineendpoints');
    assert.equal(resourceregion, 'eastus');
    assert.equal(value[0]?.timeseries.length, 1);
    assert.equal(sum(value[0].timeseries), 13);

    const split = await metrics({
      ...all,
      $filter: "deployment eq '*' and statusCode eq '*' and modelStatusCode eq '*'",
    });
    const counts = Object.fromEntries(
      (split.value[0]?.timeseries ?? []).map(series => [
        series.metadatavalues.map(({ value }) => value).join(' '),
        sum([series]),
      ]),
    );
    assert.deepEqual(counts, { 'one 200 200': 7, 'one 424 500': 3, 'two 200 200': 2, ' 401 ': 1 });
    assert.deepEqual(
      split.value[0]?.timeseries[0]?.metadatavalues.map(({ name }) => name.value),
      ['deployment', 'statuscode', 'modelstatuscode'],
    );

    const errors = await metrics({ ...all, $filter: "deployment eq 'one' and statusCodeClass ne '2xx'" });
    assert.equal(sum(errors.value[0]?.timeseries), 3);
    const rolled = await metrics({
      ...all,
      $filter: "(deployment eq 'one' or deployment eq 'two') and statusCode eq '200'",
      rollupby: 'deployment',
    });
    assert.deepEqual(
      rolled.value[0]?.timeseries.map(series => series.metadatavalues.length),
      [1],
    );
    assert.equal(sum(rolled.value[0].timeseries), 9);
  });

  it('orders series, and gives the first ones only', async () => {
    const { value } = await metrics({
      metricnames: 'RequestsPerMinute',
      aggregation: 'total',
      $filter: "statusCode eq '*'",
      orderby: 'total desc',
      top: '2',
    });
    assert.deepEqual(
      value[0]?.timeseries.map(series => series.metadatavalues[0]?.value),
      ['200', '424'],
    );
  });

  it('tells latencies and their percentiles by deployment', async () => {
    const { value } = await metrics({
      metricnames: 'RequestLatency,RequestLatency_P50,RequestLatency_P99',
      aggregation: 'average,minimum,maximum,count',
      interval: 'FULL',
      $filter: "deployment eq 'two'",
    });
    assert.deepEqual(
      value.map(metric => metric.unit),
      ['MilliSeconds', 'MilliSeconds', 'MilliSeconds'],
    );
    const [latency, p50, p99] = value.map(metric => metric.timeseries[0]?.data[0]);
    assert.equal(latency?.count, requests.direct);
    assert.ok((latency.minimum ?? 0) >= 55 && (latency.average ?? 0) <= (latency.maximum ?? 0));
    assert.ok((p50?.average ?? 0) >= 55 && (p50?.average ?? 0) <= (p99?.average ?? 0));
    // Both requests may have come in one minute or in two.
    assert.ok(Math.abs((p99?.maximum ?? 0) - (latency.maximum ?? 0)) < 1e-6);
  });

  it('counts bytes and connections', async () => {
    const names = ['NetworkBytes', 'NewConnectionsPerSecond', 'ConnectionsActive'];
    const { value } = await metrics({ metricnames: names.join(','), aggregation: 'maximum', interval: 'PT1H' });
    for (const metric of value) {
      assert.equal(metric.errorCode, 'Success');
      const highest = Math.max(...(metric.timeseries[0]?.data ?? []).map(one => one.maximum ?? 0));
      assert.ok(highest > 0, metric.name.value);
    }
  });

  it('measures the containers of a deployment', async () => {
    const resource = 'onlineEndpoints/echo/deployments/one';
    const capacity = await metrics(
      { metricnames: 'DeploymentCapacity', aggregation: 'average', interval: 'FULL' },
      resource,
    );
    assert.equal(capacity.value[0]?.timeseries[0]?.data[0]?.average, 1);
    const memory = await metrics(
      {
        metricnames: 'CpuMemoryUtilizationPercentage',
        aggregation: 'average',
        interval: 'FULL',
        $filter: "instanceId eq '*'",
      },
      resource,
    );
    const used = memory.value[0]?.timeseries[0]?.data[0]?.average ?? 0;
    assert.ok(used > 0 && used < 100);
    // Two readings, a second apart.
    const cpu = await until(async () => {
      const { value } = await metrics({ metricnames: 'CpuUtilizationPercentage', interval: 'FULL' }, resource);
      return value[0]?.timeseries[0]?.data[0]?.average;
    });
    assert.ok(cpu >= 0 && cpu <= 100);
    const byCode = await metrics(
      { metricnames: 'RequestsPerMinute', aggregation: 'total', $filter: "envoy_response_code eq '424'" },
      resource,
    );
    assert.equal(sum(byCode.value[0]?.timeseries), requests.bad);
  });

  it('lists definitions and the namespace', async () => {
    const get = async (what: string): Promise<{ value: Record<string, unknown>[] }> =>
      (await echo.arm('GET', `onlineEndpoints/echo/providers/Microsoft.Insights/${what}`)).json as {
        value: Record<string, unknown>[];
      };
    const { value } = await get('metricDefinitions');
    const one = value.find(({ name }) => (name as { value: string }).value === 'RequestsPerMinute');
    assert.deepEqual(
      (one?.dimensions as { value: string }[]).map(dimension => dimension.value),
      ['deployment', 'statusCode', 'statusCodeClass', 'modelStatusCode'],
    );
    assert.equal((await get('metricNamespaces')).value[0]?.classification, 'Platform');
  });

  it('answers for many resources at once', async () => {
    const { fixture } = echo;
    const id = `${fixture.workspaceId}/onlineEndpoints/echo`;
    const path = `/subscriptions/${fixture.azure.description.subscriptionId}/metrics:getBatch`;
    const end = new Date();
    const parameters = new URLSearchParams({
      'api-version': '2024-02-01',
      metricnames: 'RequestsPerMinute',
      metricnamespace: 'Microsoft.MachineLearningServices/workspaces/onlineEndpoints',
      aggregation: 'total',
      starttime: new Date(end.getTime() - 3_600_000).toISOString(),
      endtime: end.toISOString(),
    });
    const { status, json } = await fixture.call('POST', `${path}?${parameters.toString()}`, {
      token: await fixture.token(),
      body: { resourceids: [id] },
    });
    assert.equal(status, 200);
    const [found] = (json as { values: (MetricsAnswer & { resourceid: string })[] }).values;
    assert.equal(found?.resourceid, id);
    assert.equal(sum(found.value[0]?.timeseries), 13);
    assert.equal((await fixture.call('POST', path, { body: { resourceids: [id] } })).status, 401);
  });

  it('refuses what Azure Monitor refuses, and names it', async () => {
    const cases: [Record<string, string>, RegExp][] = [
      [
        { metricnames: 'Requests' },
        /Failed to find metric configuration.*Requests.*Valid metrics: .*RequestsPerMinute/,
      ],
      [{ metricnames: 'RequestLatency', interval: 'PT7M' }, /invalid time grain/],
      [{ metricnames: 'RequestLatency', timespan: 'yesterday' }, /time span/],
      [{ metricnames: 'RequestLatency', aggregation: 'median' }, /Invalid aggregation type: median/],
      [{ metricnames: 'RequestLatency', $filter: "statusCode eq '200'" }, /does not support requested dimension/],
      [{ metricnames: 'RequestLatency', $filter: 'deployment is one' }, /cannot be read/],
      [{ metricnames: 'RequestLatency', metricnamespace: 'other' }, /namespace other/],
    ];
    for (const [parameters, why] of cases) {
      const { status, text } = await query(parameters);
      assert.equal(status, 400, text);
      assert.match(text, why);
    }
    assert.equal((await query({ metricnames: 'RequestLatency' }, 'onlineEndpoints/nowhere')).status, 404);
    const adjusted = await metrics({ metricnames: 'RequestLatency', interval: 'PT7M', AutoAdjustTimegrain: 'true' });
    assert.equal(adjusted.interval, 'PT15M');
  });

  it('still has them after a restart', async () => {
    echo = await echo.restart();
    const { value } = await metrics({
      metricnames: 'RequestsPerMinute,RequestLatency_P95',
      aggregation: 'total,count',
      interval: 'FULL',
    });
    assert.equal(value[0]?.timeseries[0]?.data[0]?.total, 13);
    assert.ok((value[1]?.timeseries[0]?.data[0]?.count ?? 0) > 0);
  });
});
