// What runs in the page of tidegate.v1.

import { IMClient, IMError, State } from '../../src/v1.js'

Object.assign(globalThis, { IMClient, IMError, State })
