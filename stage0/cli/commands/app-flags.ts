/** What the commands of the `app` family share. Pure data. */
import { required } from '../command';
import { text } from '../flag';

export const POD_ARGUMENT = { uuid: required('UUID', 'pod') };

export const APP_FLAG = text('name of the app, if the pod has several', { value: 'NAME' });

/** As rkt. */
export const APP_FAILURE = 1;
