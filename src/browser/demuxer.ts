/** The parts of mediabunny that are used: named here, so that bundlers leave out the others. */
export {
  BlobSource,
  EncodedPacketSink,
  Input,
  MATROSKA,
  MP4,
  QTFF,
  UnsupportedInputFormatError,
  VideoSampleSink,
  WEBM,
} from 'mediabunny';
export type { InputVideoTrack, VideoSample } from 'mediabunny';
