/**
 * Faults of the program that the search over the pipeline must find. Each is a change of the source, made in a copy of the
 * tree. `npm run simulate:planted` runs the search on each copy.
 */

export interface PlantedFault {
  /** What the changed program does wrong. */
  readonly name: string;
  readonly changes: readonly Change[];
  /** The kinds of faults that a run over whole instances has while it searches for this one; all if it is missing. */
  readonly aim?: readonly string[];
}

/** The text `from` occurs once in the file. */
export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

function fault(name: string, file: string, from: string, to: string): PlantedFault {
  return { name, changes: [{ file, from, to }] };
}

export const FIRST_WRITE_PROVES_NOTHING: Change = {
  file: 'src/pipeline/commit-batch.ts',
  from: '  tail.mustFollow(changelogEnd - changed);\n',
  to: '',
};

export const PIPELINE_FAULTS: readonly PlantedFault[] = [
  {
    name: 'offset and ends are read before the fencing, and the first write proves no end',
    changes: [
      FIRST_WRITE_PROVES_NOTHING,
      { file: 'src/pipeline/take-over.ts', from: '    producer = await fence(context, partition);\n', to: '' },
      {
        file: 'src/pipeline/take-over.ts',
        from: 'const looked = await readView(context, partition);',
        to: 'const looked = await readView(context, partition);\n    producer = await fence(context, partition);',
      },
    ],
  },
  { name: 'the first write does not prove the end of the changelog', changes: [FIRST_WRITE_PROVES_NOTHING] },
  fault(
    'the positions are not compared',
    'src/pipeline/take-over.ts',
    'const from = startOffset(positions);',
    'const from = view.committed ?? store.position()?.offset ?? startOffset(positions);',
  ),
  fault(
    'the changelog is not replayed',
    'src/pipeline/take-over.ts',
    'if (store.readFrom < changelog.end) {',
    'if (store.readFrom < 0) {',
  ),
  fault(
    'the replay ends one record too early',
    'src/pipeline/restore.ts',
    'await store.replay(batch.records, batch.nextOffset, batch.leaderEpoch);',
    'await store.replay(batch.records.slice(0, -1), batch.nextOffset, batch.leaderEpoch);',
  ),
  fault(
    'reading continues one record too early',
    'src/pipeline/partition-task.ts',
    'context.topics.input, partition }, owned.from, inputLog)',
    'context.topics.input, partition }, Math.max(0, owned.from - 1), inputLog)',
  ),
  fault(
    'the undo is not applied',
    'src/store/examine-store.ts',
    'writes.push(...decodeUndo(undo), { key: UNDO_KEY, value: null });',
    'writes.push({ key: UNDO_KEY, value: null });',
  ),
  fault(
    'the offset is sent before the store has applied the batch',
    'src/pipeline/commit-batch.ts',
    'await settleAll([begun, applied]);',
    'await begun;\n  void applied.catch(() => undefined);',
  ),
  {
    name: 'the batch is confirmed before the commit, and nobody looks for it in the changelog',
    changes: [
      {
        file: 'src/pipeline/own-batch.ts',
        from: 'if (position === null || !store.lacksOwnBatch) return;',
        to: 'return;',
      },
      { file: 'src/pipeline/commit-batch.ts', from: '  store.confirm(changelogEnd);\n', to: '' },
      {
        file: 'src/pipeline/commit-batch.ts',
        from: '  await producer.commit();\n',
        to: '  store.confirm(changelogEnd);\n  await store.flush();\n  await producer.commit();\n',
      },
    ],
  },
  fault(
    'the replay writes its position before its rows',
    'src/store/partition-store.ts',
    "    this.#mustBeConfirmed('replay');\n",
    "    this.#mustBeConfirmed('replay');\n" +
      '    const early = { offset: nextPosition, atEndMs: this.#changelog.atEndMs };\n' +
      '    await this.#guarded.write(changelogPositionChanges(early, leaderEpoch));\n',
  ),
  fault(
    'announcements are sent outside of the batch that decided them',
    'src/pipeline/commit-batch.ts',
    '    add(topics.synchronized, context.encodeAnnouncement(announcement, input, completing));\n',
    '    if (completing.offset % 2 === 0)\n' +
      '      add(topics.synchronized, context.encodeAnnouncement(announcement, input, completing));\n',
  ),
  fault(
    'a hold is ignored',
    'src/domain/transition.ts',
    'if (company.holds > 0 || company.succeeded === 0) return false;',
    'if (company.succeeded === 0) return false;',
  ),
  fault(
    'a seal is ignored',
    'src/domain/transition.ts',
    'return company.unsealed === 0 && company.unfinished === 0;',
    'return company.unfinished === 0;',
  ),
  fault(
    'one unfinished dataset is overlooked',
    'src/domain/transition.ts',
    'return company.unsealed === 0 && company.unfinished === 0;',
    'return company.unsealed === 0 && company.unfinished <= 1;',
  ),
  fault(
    'an older revision counts',
    'src/domain/transition.ts',
    'status.revision <= known ?',
    'status.revision < known - 1n ?',
  ),
  fault('a refresh counts', 'src/domain/transition.ts', "if (status.trigger === 'REFRESH') return 'refresh';", ''),
  fault(
    'a repair lifts a hold that does not exist',
    'src/domain/transition.ts',
    'if (rows.hold(holdId) === null) continue;',
    '',
  ),
  fault(
    'a manifest forgets an earlier status',
    'src/domain/manifest.ts',
    ': { ...before, place };',
    ": { ...before, place, status: 'Queued' };",
  ),
  fault(
    'the second part of a manifest opens its link again',
    'src/domain/manifest.ts',
    'sealing: known.endedAt === null ? -1 : 0 }',
    'sealing: 0 }',
  ),
  fault(
    'the policy follows the clock and not the record',
    'src/pipeline/decide.ts',
    'policyInForce(context, event.timestamp, event.clientId)',
    'policyInForce(context, context.clock.now(), event.clientId)',
  ),
  fault(
    'a record without a date is judged by FIRST_DATASET',
    'src/domain/policy.ts',
    'return isDate(timestamp) && timestamp < allDatasetsFrom;',
    'return timestamp < allDatasetsFrom;',
  ),
  fault(
    'a bad record holds nobody',
    'src/pipeline/decide.ts',
    '    hold(rows, this.#holdIdOf(badRecord.record), badRecord.code, { heldSince: wallMs, progressAt });\n',
    '    void progressAt;\n    void hold;\n',
  ),
  fault(
    'a bad record gets no dead letter',
    'src/pipeline/commit-batch.ts',
    'for (const badRecord of decisions.badRecords)',
    'for (const badRecord of decisions.badRecords.slice(1))',
  ),
  fault(
    'the cache survives a restart of its partition',
    'src/pipeline/partition-task.ts',
    'const cache = new CompanyCache(context.cacheBytes);',
    "const cache = ((this as never as { kept: CompanyCache })['kept'] ??= new CompanyCache(context.cacheBytes));",
  ),
  fault(
    'a commit without an answer counts as done',
    'src/pipeline/commit-batch.ts',
    '  await producer.commit();\n',
    '  await producer.commit().catch(() => undefined);\n',
  ),
  fault(
    'a partition is not restarted after an error',
    'src/pipeline/partition-task.ts',
    'if (!signal.aborted) await this.#recover(error, signal);',
    'if (!signal.aborted) return;',
  ),
  fault(
    'a deletion is ignored',
    'src/domain/transition.ts',
    'rows.reduceTo({ outcome: payload.kind, offset: event.offset, timestamp: event.timestamp });',
    '',
  ),
  fault(
    'an unlinking ends no link',
    'src/domain/transition.ts',
    'if (ending.length > 0) endLinks(rows, event, payload);',
    '',
  ),
  fault(
    'the rest of a transaction that has lost its end is believed',
    'src/pipeline/take-over.ts',
    'changelogCut: await hasCutChangelog(context, partition, store, changelog, signal),',
    'changelogCut: (await hasCutChangelog(context, partition, store, changelog, signal)) && false,',
  ),
];
