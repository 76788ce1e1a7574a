#!/bin/bash
# Packs the programs, the CUDA engine, the shared libraries that both need, the weights, the page, and what tests and
# measures on a GPU into FOLDER and FOLDER.tar.xz: for a machine with an NVIDIA driver, and without compilers or packages.
# The system brings the C library (as new as this machine's, or newer), GCC's libstdc++, and OpenSSL 3 with its fixes.
# usage: BUILD=build [WEIGHTS=0] scripts/gpu-bundle.sh FOLDER  (make gpu-bundle); WEIGHTS=0 leaves the weights out
set -eu
cd "$(dirname "$0")/.."
build=${BUILD:-build} folder=$1
# Only what this script wrote may be replaced.
if [ -e "$folder" ] && [ ! -f "$folder/test-gpu" ]; then
    echo "gpu-bundle.sh: $folder is there, and is no bundle" >&2
    exit 1
fi
rm -rf "$folder"
mkdir -p "$folder"/{bin,lib/visavis,share/visavis/weights,python,scripts,test/golden}

cp "$build"/bundle/bin/* "$build"/test/cuda-emu/{ways,libraries}-cuda "$folder/bin/"
strip "$folder"/bin/*-cuda
cp "$build/libvisavis_cuda.so" "$folder/lib/visavis/"
cp scripts/gpu.sh scripts/test-gpu.sh scripts/bench-gpu.sh "$folder/scripts/"
cp -r test/golden/model "$folder/test/golden/"
cp -r web-demo "$folder/share/visavis/"
for part in eval train; do
    mkdir "$folder/python/$part"
    cp weights/$part/*.py "$folder/python/$part/"
done
[ "${WEIGHTS:-1}" = 0 ] || cp -r weights/*.safetensors weights/characters "$folder/share/visavis/weights/"

system='/(ld-linux-x86-64|libc|libm|libdl|librt|libpthread|libgcc_s|libstdc\+\+|libssl|libcrypto)\.so'
ldd "$folder"/bin/* "$folder/lib/visavis/libvisavis_cuda.so" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
    grep -vE "$system" | while read -r library; do cp -L "$library" "$folder/lib/"; done

for name in test-gpu bench-gpu; do
    printf '#!/bin/sh\nexec "$(dirname "$(readlink -f "$0")")/scripts/%s.sh" "$@"\n' $name >"$folder/$name"
    chmod +x "$folder/$name"
done
sed "s/GLIBC/$(getconf GNU_LIBC_VERSION)/" >"$folder/README" <<'END'
visavis for a machine with an NVIDIA GPU and its driver. Needs GLIBC or newer, libstdc++, OpenSSL 3.

  ./test-gpu           every CUDA kernel and whole windows against the processor's
  ./bench-gpu          what they cost, beside PyTorch where python3 has it; sessions in real time
  bin/visavis doctor   what this machine can do
  bin/visavis serve --demo

The weights lie in share/visavis/weights; where this bundle has none: MODEL=FOLDER ./bench-gpu, visavis serve --weights FOLDER.
END

tar -C "$(dirname "$folder")" --owner=0 --group=0 -cf - "$(basename "$folder")" |
    xz --threads=0 --x86 --lzma2=preset=9 >"$folder.tar.xz"
du -sh "$folder" "$folder.tar.xz"
