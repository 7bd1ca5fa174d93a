/** The version of the appc specification that podctl follows. */
export const APPC_VERSION = '0.8.11';
