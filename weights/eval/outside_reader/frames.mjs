// Reads faces in frames that the evaluation kept, and writes down what it read.
// usage: node frames.mjs FOLDER
// FOLDER/frames.json: { size, clips: [{ pictures: "a.npy", count }] }; FOLDER/read.json gets, for each clip, a row for each
// picture: { score, gap, read } with the mouth's gap over the eyes' distance, or { score: null } where no face was found.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gap, open, pictures, read, strongest } from './reader.mjs';

async function readClip(folder, size, clip) {
    const rows = [];
    for (const picture of pictures(join(folder, clip.pictures), size, clip.count)) {
        const face = await read(picture, size);
        rows.push(face ? { score: face.score, gap: gap(face.points), read: strongest(face.expressions) } : { score: null });
    }
    return rows;
}

const [folder] = process.argv.slice(2);
if (!folder) {
    console.error('usage: node frames.mjs FOLDER');
    process.exit(2);
}
try {
    const { size, clips } = JSON.parse(readFileSync(join(folder, 'frames.json'), 'utf8'));
    await open();
    const out = [];
    for (const clip of clips) {
        out.push(await readClip(folder, size, clip));
        process.stderr.write(`\r${out.length} of ${clips.length} clips  `);
    }
    process.stderr.write('\n');
    writeFileSync(join(folder, 'read.json'), JSON.stringify(out));
} catch (error) {
    console.error(`frames.mjs: ${error.message}`);
    process.exit(1);
}
