/** Refusals: what the server answers where it does not do what was asked. */
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { messageOf, TrackerError, type ErrorCode } from '../errors.js';
import type { Refusal } from './messages.js';
import { concealed, type Root } from './root.js';

/** HTTP status of errors that the client caused; all others are 500. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  BOX_INVALID: 400,
  OPTION_INVALID: 400,
  CONFIG_INVALID: 400,
  START_OUT_OF_RANGE: 404,
  INPUT_NOT_FOUND: 404,
  VIDEO_UNREADABLE: 422,
  IMAGE_UNREADABLE: 422,
};

export function answerError(error: unknown, reply: FastifyReply, root: Root): FastifyReply {
  const answer = (status: number, code: string, message: string, hint: string): FastifyReply =>
    reply.code(status).send({ code, message: concealed(root, message), hint } satisfies Refusal);
  if (error instanceof TrackerError) {
    return answer(STATUS[error.code] ?? 500, error.code, error.message, error.hint);
  }
  if (error instanceof z.ZodError) return answer(400, 'REQUEST_INVALID', z.prettifyError(error), 'reload the page');
  const status = (error as { statusCode?: unknown }).statusCode;
  if (typeof status === 'number' && status < 500)
    return answer(status, 'REQUEST_INVALID', messageOf(error), 'reload the page');
  return answer(500, 'UNEXPECTED', messageOf(error), 'this is a fault of ebm-tracker; please report it');
}

export function answerNotFound(reply: FastifyReply): FastifyReply {
  const refusal: Refusal = { code: 'NOT_FOUND', message: 'there is no such address', hint: 'open /' };
  return reply.code(404).send(refusal);
}
