/** All commands of podctl, as data; their handlers are loaded when they run. */
import { appAdd } from './commands/app-add';
import { appExec } from './commands/app-exec';
import { appList } from './commands/app-list';
import { appRm } from './commands/app-rm';
import { appSandbox } from './commands/app-sandbox';
import { appStart } from './commands/app-start';
import { appStatus } from './commands/app-status';
import { appStop } from './commands/app-stop';
import { attach } from './commands/attach';
import { catManifest } from './commands/cat-manifest';
import { complete } from './commands/complete';
import { completion } from './commands/completion';
import { cp } from './commands/cp';
import { enter } from './commands/enter';
import { events } from './commands/events';
import { exportPod } from './commands/export';
import { fetch } from './commands/fetch';
import { gc } from './commands/gc';
import { help } from './commands/help';
import { imageCatManifest } from './commands/image-cat-manifest';
import { imageExport } from './commands/image-export';
import { imageExtract } from './commands/image-extract';
import { imageGc } from './commands/image-gc';
import { imageList } from './commands/image-list';
import { imagePolicy } from './commands/image-policy';
import { imageRender } from './commands/image-render';
import { imageRm } from './commands/image-rm';
import { imageVerify } from './commands/image-verify';
import { inspect } from './commands/inspect';
import { kill } from './commands/kill';
import { list } from './commands/list';
import { logs } from './commands/logs';
import { pause } from './commands/pause';
import { prepare } from './commands/prepare';
import { rename } from './commands/rename';
import { restart } from './commands/restart';
import { resume } from './commands/resume';
import { rm } from './commands/rm';
import { run } from './commands/run';
import { runPrepared } from './commands/run-prepared';
import { stats } from './commands/stats';
import { status } from './commands/status';
import { stop } from './commands/stop';
import { storeCheck } from './commands/store-check';
import { top } from './commands/top';
import { trust } from './commands/trust';
import { update } from './commands/update';
import { version } from './commands/version';
import type { Registry } from './lookup';

export const REGISTRY: Registry = {
  /** In the order of the help: what is used most, first. */
  commands: [
    run,
    runPrepared,
    prepare,
    fetch,
    trust,
    list,
    status,
    stats,
    top,
    inspect,
    stop,
    restart,
    pause,
    resume,
    kill,
    cp,
    update,
    rename,
    rm,
    enter,
    attach,
    logs,
    events,
    exportPod,
    gc,
    catManifest,
    appSandbox,
    appAdd,
    appStart,
    appStop,
    appExec,
    appRm,
    appList,
    appStatus,
    imageList,
    imageRm,
    imageCatManifest,
    imageExport,
    imageExtract,
    imageRender,
    imageVerify,
    imagePolicy,
    imageGc,
    storeCheck,
    completion,
    help,
    version,
    complete,
  ],
  groups: {
    app: 'operate on the apps of a running pod',
    image: 'operate on images in the local store',
    store: 'operate on the local store as a whole',
  },
};
