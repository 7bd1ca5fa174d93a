/** Build step: prints the man page. */

import { manPage } from './man';
import { outputTo } from './output';
import { REGISTRY } from './registry';

outputTo(1).write(manPage(REGISTRY));
