/** The worker that tracks. */
import '../../browser/worker.js';
