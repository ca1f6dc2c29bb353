// Our types beside those that the official SDKs make of the schemas: no member of theirs is missing in ours.
// This file is compiled, never run.
import type * as v2 from "@modelcontextprotocol/client";
import type * as v1 from "@modelcontextprotocol/sdk/spec.types.js";
import type * as ours from "footbridge";

/** The members that a type names; an index signature names none. Those of a union are those of any of its members. */
type Named<T> = T extends unknown ? keyof { [K in keyof T as string extends K ? never : number extends K ? never : K]: T[K] } : never;
/** What `Ours` lacks: nothing, or the test does not compile. */
type Missing<Ours, Theirs> = Exclude<Named<Theirs>, Named<Ours>>;
type Nothing<T extends never> = T;

export type Checks = [
  Nothing<Missing<ours.Tool, v1.Tool>>,
  Nothing<Missing<ours.Tool, v2.Tool>>,
  Nothing<Missing<ours.ToolAnnotations, v1.ToolAnnotations>>,
  Nothing<Missing<NonNullable<ours.Tool["execution"]>, v1.ToolExecution>>,
  Nothing<Missing<ours.CallToolResult, v1.CallToolResult>>,
  Nothing<Missing<ours.CallToolResult, v2.CallToolResult>>,
  Nothing<Missing<ours.CallToolParams, v1.CallToolRequestParams>>,
  Nothing<Missing<ours.ListToolsResult, v1.ListToolsResult>>,
  Nothing<Missing<ours.ListToolsResult, v2.ListToolsResult>>,
  Nothing<Missing<ours.ContentBlock, v1.ContentBlock>>,
  Nothing<Missing<ours.ContentBlock, v2.ContentBlock>>,
  Nothing<Exclude<v1.ContentBlock["type"], ours.ContentBlock["type"]>>,
  Nothing<Missing<ours.Resource, v1.Resource>>,
  Nothing<Missing<ours.Resource, v2.Resource>>,
  Nothing<Missing<ours.ResourceTemplate, v1.ResourceTemplate>>,
  Nothing<Missing<ours.ResourceContents, v1.TextResourceContents | v1.BlobResourceContents>>,
  Nothing<Missing<ours.ReadResourceResult, v1.ReadResourceResult>>,
  Nothing<Missing<ours.ReadResourceResult, v2.ReadResourceResult>>,
  Nothing<Missing<ours.Prompt, v1.Prompt>>,
  Nothing<Missing<ours.PromptArgument, v1.PromptArgument>>,
  Nothing<Missing<ours.PromptMessage, v1.PromptMessage>>,
  Nothing<Missing<ours.GetPromptResult, v1.GetPromptResult>>,
  Nothing<Missing<ours.GetPromptParams, v1.GetPromptRequestParams>>,
  Nothing<Missing<ours.CompleteParams, v1.CompleteRequestParams>>,
  Nothing<Missing<ours.Completion, v1.CompleteResult["completion"]>>,
  Nothing<Missing<ours.LogMessage, v1.LoggingMessageNotificationParams>>,
  Nothing<Exclude<v1.LoggingLevel, ours.LogLevel> | Exclude<ours.LogLevel, v1.LoggingLevel>>,
  Nothing<Missing<ours.TaskInfo, v1.Task>>,
  Nothing<Exclude<v1.TaskStatus, ours.TaskStatus> | Exclude<ours.TaskStatus, v1.TaskStatus>>,
  Nothing<Missing<ours.CreateTaskResult, v1.CreateTaskResult>>,
  Nothing<Missing<ours.ListTasksResult, v1.ListTasksResult>>,
  // A question of a task has the task's `ttl`, which the server answers for by itself.
  Nothing<Exclude<Missing<ours.ElicitParams, v1.ElicitRequestParams>, "task">>,
  Nothing<Missing<ours.ElicitResult, v1.ElicitResult>>,
  Nothing<Missing<ours.FormField, v1.PrimitiveSchemaDefinition>>,
  Nothing<Exclude<Missing<ours.SamplingParams, v1.CreateMessageRequestParams>, "task">>,
  Nothing<Missing<ours.SamplingResult, v1.CreateMessageResult>>,
  Nothing<Missing<ours.SamplingContent, v1.SamplingMessageContentBlock>>,
  Nothing<Missing<ours.ModelPreferences, v1.ModelPreferences>>,
  Nothing<Missing<ours.Root, v1.Root>>,
  Nothing<Missing<ours.Implementation, v1.Implementation>>,
  Nothing<Missing<ours.Implementation, v2.Implementation>>,
  Nothing<Missing<ours.Icon, v1.Icon>>,
  Nothing<Missing<ours.ServerCapabilities, v1.ServerCapabilities>>,
  Nothing<Missing<ours.ServerCapabilities, v2.ServerCapabilities>>,
  Nothing<Missing<ours.ClientCapabilities, v1.ClientCapabilities>>,
  Nothing<Missing<ours.ClientCapabilities, v2.ClientCapabilities>>,
  Nothing<Missing<ours.DiscoverResult, v2.DiscoverResult>>,
  Nothing<Missing<ours.InitializeResult, v1.InitializeResult>>,
  Nothing<Missing<ours.InitializeParams, v1.InitializeRequestParams>>,
  // Every request, and every notification, has its types.
  Nothing<Exclude<v1.ClientRequest["method"], keyof ours.ClientRequests>>,
  Nothing<Exclude<v1.ClientNotification["method"], keyof ours.ClientNotifications | "notifications/tasks/status">>,
  // The bridge answers a ping, and this package makes no tasks of what a server asks.
  Nothing<Exclude<v1.ServerRequest["method"], keyof ours.ServerRequests | "ping" | `tasks/${string}`>>,
  // What a server cancels reaches the handler as its signal.
  Nothing<Exclude<v1.ServerNotification["method"], keyof ours.ServerNotifications | "notifications/cancelled">>,
];

// @ts-expect-error: a member that is missing is found
export type Finds = Nothing<Missing<{ name: string }, v1.Tool>>;
