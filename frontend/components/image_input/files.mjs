// The files of what was dropped: those of folders, too.

export async function filesOf(entries) {
  const files = [];
  for (const entry of entries) {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      file.droppedPath = entry.fullPath;
      files.push(file);
    } else {
      const reader = entry.createReader();
      for (;;) {
        const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
        if (!some.length) break;
        files.push(...(await filesOf(some)));
      }
    }
  }
  return files;
}
