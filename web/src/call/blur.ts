import type { LocalVideoTrack } from 'livekit-client';

/** Where the server has the segmenter: our own files, nothing from elsewhere. See scripts/vision.mjs. */
const ASSETS = { tasksVisionFileSet: '/vision', modelAssetPath: '/vision/selfie.tflite' };

/** Whether this browser can tell a person from what is behind. */
export function canBlur(): boolean {
  return typeof OffscreenCanvas !== 'undefined' && 'MediaStreamTrackGenerator' in window;
}

/** Blurs what is behind somebody, or stops it. Everything that it takes is loaded when it is first wanted. */
export async function setBlur(track: LocalVideoTrack, on: boolean): Promise<void> {
  if (!on) {
    if (track.getProcessor()) await track.stopProcessor();
    return;
  }
  if (track.getProcessor()) return;
  const { BackgroundProcessor } = await import('@livekit/track-processors');
  await track.setProcessor(
    BackgroundProcessor({ mode: 'background-blur', blurRadius: 12, assetPaths: ASSETS }),
  );
}
