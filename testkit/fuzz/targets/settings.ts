import { ConfigError, loadConfig } from '../../../src/config.js';
import { exposures, secretsIn } from '../../../src/security-settings.js';
import { secretFlags, settingFlags } from '../../../src/setting-flags.js';
import { SETTINGS, type Setting } from '../../../src/settings.js';
import { ContradictionError, MIB, samplesOf, type FuzzTarget } from '../target.js';

const NAMES = Object.values<Setting>(SETTINGS).map(({ env }) => env);
const SECRETS = Object.values<Setting>(SETTINGS).flatMap(({ env, secret }) => (secret ? [env] : []));
/** A secret with so many characters is not in a message by chance. */
const CLEAR_SECRET_CHARACTERS = 12;
const PEM = '-----BEGIN CERTIFICATE-----';

/** Lines `NAME=value` of the environment and `--flag=value`. */
export const settings: FuzzTarget = {
  name: 'settings',
  input: 'environment variables and flags',
  mayThrow: ['ConfigError'],
  maxMs: 100,
  maxBytes: { fixed: 8 * MIB, perByte: 2_000 },
  maxInputBytes: 8 * 1024,
  tokens: [
    ...NAMES,
    ...settingFlags().map((flag) => `--${flag}`),
    ...[
      '=',
      '\n',
      ',',
      ':',
      'true',
      'false',
      '0',
      '-1',
      '9'.repeat(20),
      '1d',
      '500ms',
      'http://',
      'https://[::1]',
      '.'.repeat(200),
    ],
    ...['2023-10-10T00:00:00Z', 'a-shadow', '\0', '\u{1F600}', PEM, 'plain', 'scram-sha-512', 'a.'.repeat(50)],
  ],
  samples: () =>
    samplesOf({
      usual: 'KAFKA_BROKERS=a:9092, b:9092\nAPPLICATION_ID=app\nSTATE_DIR=/var/state\nHTTP_PORT=8080',
      secrets: `KAFKA_SSL=true\nKAFKA_SASL_MECHANISM=PLAIN\nKAFKA_SASL_USERNAME=u\nKAFKA_SASL_PASSWORD=secret-password\n--http-token=abc,def\nKAFKA_SSL_CA=${PEM}`,
      shadow: '--shadow\nCONSENT=changed-settings\nALL_DATASETS_FROM=2023-10-10T00:00:00Z\nNUM_STANDBY=1',
      wrong:
        'HTTP_PORT=-1\nSTALLED_AFTER=1w\nSCHEMA_REGISTRY_URL=ftp://u:p@x\nHTTP_TOKEN_FILE=/x\nTOPIC_DEAD_LETTER=..',
    }),
  open: () => ({ run }),
};

function run(input: Buffer): void {
  const env: Record<string, string> = {};
  const flags: Record<string, string | true> = {};
  for (const line of input.toString().split('\n')) {
    const [, dashes = '', name = '', value] = /^(--)?([^=]*)(?:=(.*))?$/s.exec(line) ?? [];
    if (dashes === '') env[name] = value ?? '';
    else flags[name] = value ?? true;
  }
  try {
    const config = loadConfig(env, flags, () => 'text of a file');
    exposures(config);
    secretsIn(config);
  } catch (error) {
    if (error instanceof ConfigError) mustBeFaults(error, env, flags);
    throw error;
  }
}

/** Each fault names its setting and what was expected, and no fault has a secret in it. */
function mustBeFaults(
  { faults }: ConfigError,
  env: Record<string, string>,
  flags: Record<string, string | true>,
): void {
  if (faults.length === 0) throw new ContradictionError('the settings are refused without a fault');
  for (const fault of faults)
    if (!fault.includes('expected')) throw new ContradictionError(`a fault without a hint: ${fault}`);
  const secrets = [...SECRETS.map((name) => env[name]), ...secretFlags().map((flag) => flags[flag])];
  for (const secret of secrets)
    if (typeof secret === 'string' && secret.length >= CLEAR_SECRET_CHARACTERS && !isElsewhere(secret, env, flags))
      for (const fault of faults)
        if (fault.includes(secret)) throw new ContradictionError(`a fault shows a secret: ${fault}`);
}

/** Whether the text is a part of another setting, which may be shown. */
function isElsewhere(secret: string, env: Record<string, string>, flags: Record<string, string | true>): boolean {
  const others = [
    ...Object.entries(env).filter(([name]) => !SECRETS.includes(name)),
    ...Object.entries(flags).filter(([name]) => !secretFlags().includes(name)),
  ];
  return [...NAMES, ...others.flat()].some((text) => typeof text === 'string' && text.includes(secret));
}
