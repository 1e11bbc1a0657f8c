import type { Sampling } from './tracer';

/** What the standard variables of OpenTelemetry say. https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
export interface TracingConfig {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly resource: Readonly<Record<string, string>>;
  readonly sampling: Sampling;
}

const samplers: Readonly<Record<string, { parentBased: boolean; ratio?: number }>> = {
  always_on: { parentBased: false, ratio: 1 },
  always_off: { parentBased: false, ratio: 0 },
  traceidratio: { parentBased: false },
  parentbased_always_on: { parentBased: true, ratio: 1 },
  parentbased_always_off: { parentBased: true, ratio: 0 },
  parentbased_traceidratio: { parentBased: true },
};

/**
 * @param text reads a variable; undefined when it is not set
 * @param problems where what is wrong is added to
 * @returns undefined when no collector is named, or traces are turned off
 */
export function readTracing(text: (name: string) => string | undefined, problems: string[]): TracingConfig | undefined {
  const base = text('OTEL_EXPORTER_OTLP_ENDPOINT');
  const own = text('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  const address = own ?? base;
  if (address === undefined || text('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return undefined;
  if (text('OTEL_TRACES_EXPORTER') === 'none') return undefined;
  const protocol = text('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? text('OTEL_EXPORTER_OTLP_PROTOCOL');
  if (protocol?.startsWith('http/') === false)
    problems.push(
      `OTEL_EXPORTER_OTLP_PROTOCOL must be http/json or http/protobuf (sent as JSON), but is '${protocol}'.`,
    );
  if (!/^https?:\/\/[^/]/.test(address) || !URL.canParse(address))
    problems.push(
      `${own === undefined ? 'OTEL_EXPORTER_OTLP_ENDPOINT' : 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'} must be an http or https address, but is '${address}'.`,
    );
  const sampler = text('OTEL_TRACES_SAMPLER') ?? 'parentbased_always_on';
  const { parentBased, ratio } = samplers[sampler] ?? { parentBased: true, ratio: 1 };
  if (!samplers[sampler])
    problems.push(`OTEL_TRACES_SAMPLER must be one of ${Object.keys(samplers).join(', ')}, but is '${sampler}'.`);
  const argument = Number(text('OTEL_TRACES_SAMPLER_ARG') ?? '1');
  if (!(argument >= 0 && argument <= 1)) problems.push('OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1.');
  const name = text('OTEL_SERVICE_NAME');
  return {
    url: own ?? `${address.replace(/\/$/, '')}/v1/traces`,
    headers: pairs(text('OTEL_EXPORTER_OTLP_TRACES_HEADERS') ?? text('OTEL_EXPORTER_OTLP_HEADERS')),
    resource: {
      'service.name': 'guardian-scoring-runtime',
      ...pairs(text('OTEL_RESOURCE_ATTRIBUTES')),
      ...(name === undefined ? {} : { 'service.name': name }),
    },
    sampling: { parentBased, ratio: ratio ?? argument },
  };
}

/** `name=value,name=value`, with values in percent-encoding. */
function pairs(list = ''): Record<string, string> {
  const found: Record<string, string> = {};
  for (const pair of list.split(',')) {
    const [, name, value = ''] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
    if (name !== undefined) found[name] = decode(value);
  }
  return found;
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
