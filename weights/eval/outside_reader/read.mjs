// Reads the pictures that `visavis-performer exam FOLDER` drew, and prints how what was read compares with what was meant.
// usage: node read.mjs FOLDER [OUT.json]
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eyes, gap, LABELS, open, pictures, read, strongest } from './reader.mjs';

// What the performer calls an emotion, and what the reader calls it. Contempt the reader does not know.
const NAMES = {
    neutral: 'neutral', joy: 'happy', sadness: 'sad', anger: 'angry', fear: 'fearful', disgust: 'disgusted', surprise: 'surprised',
};

// ---- reading -----------------------------------------------------------------------------------------------------

// One line for every picture: who, what was meant, what was read.
async function readAll(folder, exam) {
    const rows = [], start = Date.now();
    for (const [number, person] of exam.people.entries()) {
        const shown = pictures(join(folder, person.pictures), exam.size, person.frames.length);
        for (const [i, frame] of person.frames.entries()) {
            const row = { person: number, name: person.name, meant: frame.meant, strength: frame.strength, lipGap: frame.lip_gap };
            const face = await read(shown[i], exam.size);
            rows.push(row);
            if (!face) continue;
            const unit = eyes(frame.landmarks);
            const errors = frame.landmarks.map((p, k) => Math.hypot(p[0] - face.points[k][0], p[1] - face.points[k][1]) / unit);
            row.score = face.score;
            row.error = mean(errors);
            row.gap = gap(face.points);
            row.read = strongest(face.expressions);
            row.expressions = face.expressions;
        }
        const left = ((Date.now() - start) / (number + 1)) * (exam.people.length - number - 1) / 1000;
        process.stderr.write(`\r${number + 1} of ${exam.people.length} people, ${left.toFixed(0)} s left  `);
    }
    process.stderr.write('\n');
    return rows;
}

// ---- counting ----------------------------------------------------------------------------------------------------

const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;
const percentile = (values, p) => [...values].sort((a, b) => a - b)[Math.floor(p * (values.length - 1))];

function correlation(xs, ys) {
    const mx = mean(xs), my = mean(ys);
    const sum = (f) => xs.reduce((total, _, i) => total + f(xs[i] - mx, ys[i] - my), 0);
    return sum((x, y) => x * y) / Math.sqrt(sum((x) => x * x) * sum((_, y) => y * y));
}

// How the rows of a kind were read: shares by label, and the mean probability of each label. What was not found counts
// as not read.
function counts(rows) {
    const share = {}, probability = {};
    for (const label of LABELS) {
        share[label] = rows.filter((row) => row.read === label).length / rows.length;
        probability[label] = mean(rows.map((row) => row.expressions?.[label] ?? 0));
    }
    return { pictures: rows.length, share, probability };
}

function mouths(rows) {
    const people = new Set(rows.map((row) => row.person));
    const each = [...people].map((person) => rows.filter((row) => row.person === person && row.meant === 'talk' && row.read))
        .filter((of) => of.length > 2)
        .map((of) => correlation(of.map((row) => row.lipGap), of.map((row) => row.gap)));
    return { mean: mean(each), tenth: percentile(each, 0.1), people: each.length };
}

function summarise(rows) {
    const found = rows.filter((row) => row.read);
    const of = (meant, strength) => rows.filter((row) => row.meant === meant && row.strength === strength);
    const table = { talk: counts(of('talk', 1)) }, half = {};
    for (const meant of Object.keys(NAMES)) table[meant] = counts(of(meant, 1));
    for (const meant of Object.keys(NAMES).slice(1)) half[meant] = counts(of(meant, 0.5));
    return {
        people: new Set(rows.map((row) => row.person)).size, pictures: rows.length, found: found.length / rows.length,
        score: mean(found.map((row) => row.score)), landmarkError: mean(found.map((row) => row.error)), mouth: mouths(rows),
        full: table, half,
    };
}

// ---- printing ----------------------------------------------------------------------------------------------------

const percent = (value, digits = 0) => `${(100 * value).toFixed(digits)} %`;
const line = (cells) => console.log(`| ${cells.join(' | ')} |`);

function printConfusion(table) {
    line(['meant', 'pictures', ...LABELS]);
    line(Array(LABELS.length + 2).fill('---'));
    for (const [meant, row] of Object.entries(table))
        line([meant, row.pictures, ...LABELS.map((l) => (NAMES[meant] === l ? `**${percent(row.share[l])}**` : percent(row.share[l])))]);
}

function print(summary) {
    const { talk, neutral } = summary.full;
    line(['what', 'read']);
    line(['---', '---']);
    line([`faces found in ${summary.pictures} pictures of ${summary.people} people`, percent(summary.found, 1)]);
    line(['mean score of the detector', summary.score.toFixed(3)]);
    line(['mean error of the 68 landmarks, of the distance of the outer corners of the eyes', percent(summary.landmarkError, 1)]);
    line(['mouth gap in talk, correlation with the truth per person: mean (10th percentile)',
        `${summary.mouth.mean.toFixed(2)} (${summary.mouth.tenth.toFixed(2)})`]);
    line(['neutral talk read as neutral or happy', percent(talk.share.neutral + talk.share.happy, 1)]);
    line(['neutral talk read as surprise', percent(talk.share.surprised, 1)]);
    line(['rest read as neutral or happy', percent(neutral.share.neutral + neutral.share.happy, 1)]);
    console.log('\nFull strength: as meant (rows), as read (columns)\n');
    printConfusion(summary.full);
    console.log('\nHalf strength\n');
    printConfusion(summary.half);
    console.log('\nMean probability that the reader gives what was meant\n');
    line(['meant', 'half strength', 'full strength']);
    line(Array(3).fill('---'));
    for (const meant of Object.keys(summary.half))
        line([meant, percent(summary.half[meant].probability[NAMES[meant]]), percent(summary.full[meant].probability[NAMES[meant]])]);
}

function printCharacters(rows) {
    const names = [...new Set(rows.map((row) => row.name))];
    console.log('\nThe characters\n');
    line(['name', 'rest read as', 'talk read as neutral or happy', 'emotions read as meant, of 6']);
    line(Array(4).fill('---'));
    for (const name of names) {
        const own = rows.filter((row) => row.name === name && row.strength === 1);
        const rest = own.find((row) => row.meant === 'neutral'), talk = counts(own.filter((row) => row.meant === 'talk')).share;
        const right = own.filter((row) => row.meant !== 'neutral' && row.read && NAMES[row.meant] === row.read).length;
        line([name, rest.read ?? 'no face', percent(talk.neutral + talk.happy), right]);
    }
}

// ---- the whole ---------------------------------------------------------------------------------------------------

const [folder, out] = process.argv.slice(2);
if (!folder) {
    console.error('usage: node read.mjs FOLDER [OUT.json]');
    process.exit(2);
}
try {
    const exam = JSON.parse(readFileSync(join(folder, 'exam.json'), 'utf8'));
    await open();
    const rows = await readAll(folder, exam);
    const people = rows.filter((row) => !row.name), characters = rows.filter((row) => row.name);
    const summary = people.length ? summarise(people) : null;
    if (summary) print(summary);
    if (characters.length) printCharacters(characters);
    writeFileSync(out ?? join(folder, 'read.json'), JSON.stringify({ summary, rows }));
} catch (error) {
    console.error(`read.mjs: ${error.message}`);
    process.exit(1);
}
