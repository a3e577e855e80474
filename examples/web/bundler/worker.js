/** The script of the worker: a file of its own, so that every bundler finds it. */
import 'ebm-tracker/web/worker';
