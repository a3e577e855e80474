/** Every protocol by name. */
import { TrackerError } from '../../errors.js';
import type { Protocol } from '../types.js';
import { LONGTERM } from './longterm.js';
import { OPE_PROTOCOLS } from './table.js';
import { VOT } from './vot.js';
import { VOT_RESTARTS } from './vot-restarts.js';

export const PROTOCOLS: readonly Protocol[] = [...OPE_PROTOCOLS, VOT, VOT_RESTARTS, LONGTERM];

/** @throws TrackerError OPTION_INVALID listing the names */
export function findProtocol(name: string): Protocol {
  const found = PROTOCOLS.find((protocol) => protocol.name === name);
  if (found) return found;
  const names = PROTOCOLS.map((protocol) => protocol.name).join(', ');
  throw new TrackerError('OPTION_INVALID', `protocol "${name}" is not known, expected one of: ${names}`, {
    hint: 'ebm-tracker evaluate --explain NAME prints the rules of one',
  });
}
