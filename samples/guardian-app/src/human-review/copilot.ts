import { z } from 'zod';
import { Unavailable, messageOf } from '../shared/failure';
import type { Video } from '../shared/video';

const suggestion = z.object({
  suggestion: z.enum(['approve', 'block', 'unsure']),
  explanation: z.string(),
});
/** With the model that made it, as the service names it: what stands in the audit log must be traceable. */
export type Suggestion = z.infer<typeof suggestion> & { model: string };

const completion = z.object({
  model: z.string(),
  choices: z
    .array(z.object({ finish_reason: z.string(), message: z.object({ content: z.string().nullish() }) }))
    .min(1),
});

export interface CopilotSettings {
  AZURE_OPENAI_ENDPOINT: string;
  AZURE_OPENAI_DEPLOYMENT: string;
  AZURE_OPENAI_API_VERSION: string;
}

/**
 * Asks GPT-4o on Azure OpenAI what it would say to the findings. It gets numbers and reasons, no picture and no name, and it has no way
 * to decide: its answer is shown to a person. Chat completions with response_format json_object:
 * https://learn.microsoft.com/azure/ai-services/openai/reference#chat-completions
 * @throws Unavailable, also when the content filter lets nothing through
 */
export async function suggest(settings: CopilotSettings, key: string, video: Video): Promise<Suggestion> {
  const {
    AZURE_OPENAI_ENDPOINT: base,
    AZURE_OPENAI_DEPLOYMENT: deployment,
    AZURE_OPENAI_API_VERSION: version,
  } = settings;
  const url = `${base.replace(/\/$/, '')}/openai/deployments/${encodeURIComponent(deployment)}/chat/completions?api-version=${version}`;
  const system =
    'You help a content moderator. From the findings of two image models, say what you would do. ' +
    'Answer as JSON: {"suggestion": "approve" | "block" | "unsure", "explanation": "two sentences at most"}.';
  const findings = { screening: video.screening, analysis: video.analysis, policy: video.policy };
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'api-key': key, 'content-type': 'application/json' },
      body: JSON.stringify({
        messages: [
          { role: 'system', content: system },
          { role: 'user', content: JSON.stringify(findings) },
        ],
        response_format: { type: 'json_object' },
        temperature: 0,
        max_tokens: 200,
      }),
      signal: AbortSignal.timeout(20_000),
    });
    const text = await response.text();
    if (!response.ok) {
      const wait = response.headers.get('retry-after');
      const advice = wait === null ? '' : `; it may be asked again in ${wait} s`;
      throw new Unavailable(`Azure OpenAI answered ${response.status}${advice}: ${text.slice(0, 300)}`);
    }
    const { model, choices } = completion.parse(JSON.parse(text));
    const content = choices[0]?.message.content ?? '';
    if (content === '')
      throw new Unavailable(
        `Azure OpenAI gave no suggestion: it ended with ${choices[0]?.finish_reason ?? 'nothing'}.`,
      );
    return { ...suggestion.parse(JSON.parse(content)), model };
  } catch (error) {
    if (error instanceof Unavailable) throw error;
    throw new Unavailable(`Azure OpenAI gave no suggestion: ${messageOf(error)}`);
  }
}
