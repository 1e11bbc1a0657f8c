/** Puts *** in the place of secrets, by the rules of azure-pipelines-agent (Worker, HostContext and its secret masker). */
export class Masker {
  private readonly values = new Set<string>();

  /** Masks a value from now on, also as it looks inside JSON, in a URL and behind backslashes. */
  add(value: string): void {
    if (value === '') return;
    this.values.add(value);
    for (const encoded of [jsonEscaped(value), uriEscaped(value), backslashEscaped(value)]) {
      if (encoded !== '') this.values.add(encoded);
    }
  }

  /**
   * Masks a variable's value that the job started with: besides the value itself its base64 form, the forms that it takes inside
   * a logging command, and each of them without surrounding quotes or blanks.
   */
  addVariable(value: string): void {
    if (value.trim() === '') return;
    const base64 = Buffer.from(value, 'utf8').toString('base64');
    for (const form of [value, base64]) {
      this.addTrimmed(form);
      this.addTrimmed(form.replaceAll('%', '%AZP25').replaceAll('\r', '%0D').replaceAll('\n', '%0A'));
      this.addTrimmed(form.replaceAll('\r', '%0D').replaceAll('\n', '%0A'));
    }
  }

  /** The text with every secret replaced; secrets that overlap or touch become one ***. */
  mask(text: string): string {
    const ranges: { start: number; end: number }[] = [];
    for (const value of this.values) {
      for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + 1)) {
        ranges.push({ start: at, end: at + value.length });
      }
    }
    for (const match of text.matchAll(passwordInUrl))
      ranges.push({ start: match.index, end: match.index + match[0].length });
    if (ranges.length === 0) return text;
    ranges.sort((a, b) => a.start - b.start);
    let masked = '';
    let shownTo = 0;
    for (const [index, { start, end }] of ranges.entries()) {
      if (index === 0 || start > shownTo) masked += `${text.slice(shownTo, start)}***`;
      shownTo = Math.max(shownTo, end);
    }
    return masked + text.slice(shownTo);
  }

  private addTrimmed(value: string): void {
    this.add(value);
    for (const quote of [`'`, '"', '`']) {
      if (value.length > 1 && value.startsWith(quote) && value.endsWith(quote)) this.add(value.slice(1, -1));
    }
    this.add(value.replace(/^[\r\n ]+|[\r\n ]+$/g, ''));
  }
}

/** The password of `scheme://user:password@host`, masked in any line whether it is known or not. */
const passwordInUrl = /(?<=\/\/[^:/?#@\s]+:)[^:/?#@\s]+(?=@)/g;

function jsonEscaped(value: string): string {
  return JSON.stringify(value).slice(1, -1);
}

function uriEscaped(value: string): string {
  try {
    return encodeURIComponent(value);
  } catch {
    // A lone surrogate has no form in a URL.
    return '';
  }
}

function backslashEscaped(value: string): string {
  return value.replaceAll('\\\\', '\\').replaceAll("\\'", "'").replaceAll('\\"', '"').replaceAll('\\t', '\t');
}
