/**
 * UTKFace: the age is the first part of the name, age_gender_race_date.jpg (aligned faces: .jpg.chip.jpg). The release has a few names
 * without the race; their age counts all the same. The papers keep 1 to 60 years.
 */
import path from 'node:path';
import { fault, namesIn, type Example } from './common.js';

const IMAGE = /\.(jpe?g|png)$/i;
const NAME = /^(\d{1,3})_\d(?:_\d)?_\d+\.(?:jpg\.chip\.)?(?:jpe?g|png)$/i;
/** The oldest in the set. */
const OLDEST = 116;

/** Examples of all ages; the range is cut later. @throws TrackerError INPUT_NOT_FOUND, DATA_INVALID */
export async function listAges(folder: string): Promise<Example[]> {
  const names = (await namesIn(folder)).filter((name) => IMAGE.test(name));
  if (names.length === 0) {
    throw fault(
      { file: folder },
      'no images',
      'age_gender_race_date.jpg',
      'give the folder of unpacked UTKFace images',
    );
  }
  return names.map((name) => {
    const file = path.join(folder, name);
    const age = Number(NAME.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(age)) throw fault({ file }, `"${name}"`, 'age_gender_race_date.jpg', 'rename or remove it');
    if (age > OLDEST) throw fault({ file }, `age ${age}`, `0 to ${OLDEST}`, 'rename or remove it');
    return { file, target: [age] };
  });
}
