/** TypeDoc plugin: a field of a zod schema is documented by the text given to .describe(). */
import { Comment, Converter } from 'typedoc';
import ts from 'typescript';

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    if (reflection.comment) return;
    const declaration = context.getSymbolFromReflection(reflection)?.declarations?.find(ts.isPropertyAssignment);
    const text = declaration && describedAs(declaration.initializer);
    if (text !== undefined) reflection.comment = new Comment([{ kind: 'text', text }]);
  });
}

/** The argument of the last .describe() of a chain of calls. @param {ts.Expression} expression */
function describedAs(expression) {
  if (!ts.isCallExpression(expression) || !ts.isPropertyAccessExpression(expression.expression)) return undefined;
  const [argument] = expression.arguments;
  const { name, expression: inner } = expression.expression;
  return name.text === 'describe' && argument && ts.isStringLiteralLike(argument) ? argument.text : describedAs(inner);
}
