/** Options and results of fine-tuning; without TensorFlow.js, which only fine-tuning itself loads. */

/** Everything but the footage and the new file may be left out. */
export interface FinetuneOptions {
  /** Folder of sequences (NAME/video.mp4 or NAME/img/ beside NAME/groundtruth.txt, or a published layout), one sequence, or a video. */
  readonly data: string;
  /** The new weights: a file that ends in .safetensors. */
  readonly out: string;
  /** Annotation of a single video, x,y,w,h a line. Default: groundtruth.txt or the .txt file of its name, beside it. */
  readonly truth?: string | undefined;
  /**
   * Weights to start from: a .safetensors file, or a head of the manifest. Default: those that ship. Of an imported tracker the box head learns, and
   * all else stays as it is.
   */
  readonly from?: string | undefined;
  /** Folder of the features, the checkpoint and the curve: the same call goes on from there. Default: OUT.work. */
  readonly work?: string | undefined;
  /** Steps at most; it stops before where held-out frames gain nothing. Default: 300. */
  readonly steps?: number | undefined;
  /** Learning rate. Default: 1e-4. */
  readonly learningRate?: number | undefined;
  /** Crops to learn from, half a megabyte each. Default: 2400. */
  readonly crops?: number | undefined;
  /** Same seed, data and engine: same weights. Default: 1. */
  readonly seed?: number | undefined;
  /** Default: 2. */
  readonly threads?: number | undefined;
  /** Objective of the energy, such as nce+ (the default), nce or kld-is. */
  readonly objective?: string | undefined;
  /** TensorFlow.js backend. Default: the fastest that is there. */
  readonly backend?: 'auto' | 'node-gpu' | 'node' | 'native' | 'wasm' | 'cpu' | undefined;
  /** Goes on without the sequences that have a fault. Default: they end it. */
  readonly skipBad?: boolean | undefined;
  /** The command that is written into the file. */
  readonly command?: string | undefined;
  /** Told of each fault in the footage, before anything is learned. */
  readonly onFault?: (fault: FootageFault) => void;
  /** Told what was chosen and what is done, a line at a time. */
  readonly say?: (text: string) => void;
  /** Told how many crops of the features are there. */
  readonly onFeatures?: (done: number, total: number) => void;
  /** Told of each step that is logged. */
  readonly onProgress?: (progress: FinetuneProgress) => void;
  /** Aborted: it ends with INTERRUPTED, and the same call goes on from there. */
  readonly signal?: AbortSignal | undefined;
}

/** A fault in the footage. */
export interface FootageFault {
  /** Name of the sequence. */
  readonly sequence: string;
  /** Says what failed, where, what was found and what was expected. */
  readonly message: string;
}

/** Progress of a training. */
export interface FinetuneProgress {
  /** Steps done. */
  readonly step: number;
  /** Steps at most. */
  readonly steps: number;
  /** Loss of the energy. */
  readonly energyLoss: number;
  /** Loss of the proposal; 0 of an imported tracker, which has none. */
  readonly proposalLoss: number;
  /** Loss of the absent outcome; 0 where nothing of another object was in the batches. */
  readonly absentLoss: number;
  /** Norm of the gradient before it is limited. */
  readonly gradientNorm: number;
  /** Pairs of crops learned from in a second. */
  readonly pairsPerSecond: number;
  /** Share of the time spent reading features since the last line. */
  readonly load: number;
  /** Share spent on losses and gradients. */
  readonly compute: number;
  /** Share spent on new weights. */
  readonly update: number;
  /** Seconds left at this speed. */
  readonly secondsLeft: number;
  /** Figures on held-out frames, where they were just taken. */
  readonly validation?: Record<string, number> | undefined;
}

/**
 * Figures on held-out frames: iou (of the box) and start (IoU of the last box); of an imported tracker also step_length (length of a step of its refinement),
 * of other heads nll and proposal_nll.
 */
export type Figures = Readonly<Record<string, number>>;

/** Result of fine-tuning. */
export interface FinetuneResult {
  /** Figures of the weights it started from. */
  readonly before: Figures;
  /** Figures of the weights that were written. */
  readonly after: Figures;
  /** Step of the best weights. */
  readonly best: number;
  /** Steps done. */
  readonly steps: number;
}
