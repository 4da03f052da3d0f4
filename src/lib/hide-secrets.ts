/**
 * The last protection for everything printed and logged. No message is built from a secret, but brokers and registries
 * may repeat what they were sent.
 */

export type HideSecrets = (text: string) => string;

/**
 * Characters. A shorter secret occurs in ordinary words: hiding it would make the text unreadable, and reveal the
 * secret.
 */
const MIN_HIDDEN_LENGTH = 8;
const HIDDEN = '***';

/** @returns the text with `***` in place of each secret, as it is, in JSON, in a URL or in Base64 */
export function hiderOf(secrets: readonly string[]): HideSecrets {
  const lines = secrets.flatMap((secret) => secret.split('\n').map((line) => line.trim()));
  const long = lines.filter((line) => line.length >= MIN_HIDDEN_LENGTH && !line.startsWith('-----'));
  const forms = new Set(long.flatMap(formsOf));
  // The longest first, because a secret may be part of another one.
  const sorted = [...forms].sort((a, b) => b.length - a.length);
  return (text) => sorted.reduce((shown, form) => shown.replaceAll(form, HIDDEN), text);
}

function formsOf(secret: string): string[] {
  const inJson = JSON.stringify(secret).slice(1, -1);
  return [secret, inJson, encodeURIComponent(secret), Buffer.from(secret).toString('base64')];
}

/**
 * The part of a refused value that may be shown: without user info, up to the last @, and without query and fragment.
 */
export function withoutCredentials(text: string): string {
  return text.replace(/^.*@/s, `${HIDDEN}@`).replace(/[?#].*$/s, `?${HIDDEN}`);
}
