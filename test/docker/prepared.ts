/**
 * A note that `main.ts prepare` leaves for the next test: the engine has all images. The note says for which images, and
 * counts once, so a test that runs later on its own gets its images itself.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheDir } from '../../testkit/cluster/maven-artifacts.js';
import { images, type Source } from './images.js';

const NOTE = join(cacheDir(process.env), 'docker-images-prepared.json');

interface Note {
  readonly images: string;
  readonly source: Source;
}

export async function leavePrepared(source: Source): Promise<void> {
  const note: Note = { images: JSON.stringify(images), source };
  await mkdir(dirname(NOTE), { recursive: true });
  await writeFile(NOTE, JSON.stringify(note));
}

/** Where the prepared images are from; undefined if there are none. */
export async function takePrepared(): Promise<Source | undefined> {
  const text = await readFile(NOTE, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  await rm(NOTE);
  const note = JSON.parse(text) as Note;
  return note.images === JSON.stringify(images) ? note.source : undefined;
}
