// Redux, with or without its toolkit: the login as a slice of the store. The token is not in it.
import { combineReducers, createStore } from "redux";
import { createAuth } from "../tallystick.js";

export const auth = createAuth();

export const login = (state = auth.getSnapshot(), action) =>
  action.type === "login/changed" ? action.payload : state;

export const store = createStore(combineReducers({ login }));

auth.subscribe(() => store.dispatch({ type: "login/changed", payload: auth.getSnapshot() }));
