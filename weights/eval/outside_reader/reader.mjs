// Reads faces in pictures with the networks of @vladmandic/face-api, which were trained on photographs of real people.
// It measures; nothing is trained on what it says.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const wasm = require('@tensorflow/tfjs-backend-wasm');
const faceapi = require('@vladmandic/face-api/dist/face-api.node-wasm.js');
const { tf, nets } = faceapi;

// A close-up fills the picture, and the detector, which knows faces in a room, misses it without some room around it.
const ROOM = 0.3, GREY = 128;
const detector = new faceapi.TinyFaceDetectorOptions({ inputSize: 224, scoreThreshold: 0.3 });

export async function open() {
    wasm.setWasmPaths(join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'dist/'));
    await tf.setBackend('wasm');
    await tf.ready();
    const models = join(dirname(require.resolve('@vladmandic/face-api/package.json')), 'model');
    for (const net of [nets.tinyFaceDetector, nets.faceLandmark68Net, nets.faceExpressionNet]) await net.loadFromDisk(models);
}

// The face in a picture of size x size RGB bytes, or null: { score, points: 68 of [x, y] in the picture's pixels,
// expressions: { neutral, happy, sad, angry, fearful, disgusted, surprised } which add up to 1 }.
export async function read(rgb, size) {
    const room = Math.round(ROOM * size);
    const padded = tf.tidy(() => tf.pad(tf.tensor3d(rgb, [size, size, 3], 'int32'), [[room, room], [room, room], [0, 0]], GREY));
    const face = await faceapi.detectSingleFace(padded, detector).withFaceLandmarks().withFaceExpressions();
    padded.dispose();
    if (!face) return null;
    return {
        score: face.detection.score,
        points: face.landmarks.positions.map((p) => [p.x - room, p.y - room]),
        expressions: { ...face.expressions },
    };
}

// Pictures from a file in NumPy's format: `count` times size x size RGB bytes.
export function pictures(path, size, count) {
    const file = readFileSync(path);
    const begin = 10 + file.readUInt16LE(8), each = size * size * 3;
    if (file.length !== begin + count * each) throw new Error(`${path} does not hold ${count} pictures`);
    return Array.from({ length: count }, (_, i) => file.subarray(begin + i * each, begin + (i + 1) * each));
}

export const LABELS = ['neutral', 'happy', 'sad', 'angry', 'fearful', 'disgusted', 'surprised'];
const EYES = [36, 45], LIPS = [62, 66]; // outer corners of the eyes, inner edges of the lips

const distance = (points, [a, b]) => Math.hypot(points[a][0] - points[b][0], points[a][1] - points[b][1]);
export const eyes = (points) => distance(points, EYES);
// How far the mouth is open, in distances of the outer corners of the eyes.
export const gap = (points) => distance(points, LIPS) / eyes(points);
export const strongest = (expressions) => LABELS.reduce((a, b) => (expressions[b] > expressions[a] ? b : a));
