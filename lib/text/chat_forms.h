/* chat_forms — the chat templates that are known, as patterns of their canonical forms (jinja.h),
 * and what they write where no tools are there. Private to chat.c. */
#ifndef TEXT_CHAT_FORMS_H
#define TEXT_CHAT_FORMS_H

#include <stdbool.h>

enum family { FAMILY_PLAIN, FAMILY_CHATML, FAMILY_LLAMA3 };

struct form {
    const char *pattern;
    enum family family;
    bool strict;            /* it writes tools, their calls and other roles in another way */
    bool think;             /* Qwen3: thoughts of former turns are left out */
    bool dated;             /* Llama 3.1: a system message with dates first; the hole is today */
};

#define CHATML_EACH "<|im_start|>{message.role}\n{message.content}<|im_end|>\n"
#define CHATML_OPEN "{%if add_generation_prompt%}<|im_start|>assistant\n{%endif%}"
#define CHATML_SYSTEM "<|im_start|>system\n{messages[0].content}<|im_end|>\n"
#define CHATML_DEFAULT "<|im_start|>system\n@<|im_end|>\n"

#define QWEN3_HEAD \
    "{%if tools%}*{%else%}{%if messages[0].role=='system'%}" CHATML_SYSTEM "{%endif%}{%endif%}"
#define QWEN3_CONTENT \
    "{%if message.content is string%}{%set content=message.content%}{%else%}*{%endif%}"
#define QWEN3_USER "{%if(message.role=='user')or(message.role=='system' and not loop.first)%}"
#define QWEN3_TAIL \
    "{%if message.tool_calls%}*{%endif%}<|im_end|>\n" \
    "{%elif message.role=='tool'%}*{%endif%}{%endfor%}"
#define QWEN3_ASSISTANT "<|im_start|>{message.role}\n{content}"

/* Where the last question is, and what follows it. `string` and `content` differ between the two
 * versions. */
#define QWEN3_LAST(string) \
    "{%set ns=namespace(multi_step_tool=true,last_query_index=messages|length-1)%}" \
    "{%for message in messages[::-1]%}{%set index=(messages|length-1)-loop.index0%}" \
    "{%if ns.multi_step_tool and message.role=='user' and " string \
    "not(message.content.startswith('<tool_response>')" \
    "and message.content.endswith('</tool_response>'))%}" \
    "{%set ns.multi_step_tool=false%}{%set ns.last_query_index=index%}{%endif%}{%endfor%}" \
    "{%for message in messages%}"
#define QWEN3_REASONING(content) \
    "{%set reasoning_content=" content \
    ".split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n')%}"
#define QWEN3_REST(content) "{%set content=" content ".split('</think>')[-1].lstrip('\n')%}"
#define QWEN3_THINK \
    "{%if loop.index0>ns.last_query_index%}" \
    "{%if loop.last or(not loop.last and reasoning_content)%}<|im_start|>{message.role}\n" \
    "<think>\n{reasoning_content.strip('\n')}\n</think>\n\n{content.lstrip('\n')}" \
    "{%else%}" QWEN3_ASSISTANT "{%endif%}{%else%}" QWEN3_ASSISTANT "{%endif%}" QWEN3_TAIL \
    "{%if add_generation_prompt%}<|im_start|>assistant\n" \
    "{%if enable_thinking is defined and enable_thinking is false%}*{%endif%}{%endif%}"

#define LLAMA3_OPEN \
    "{%if add_generation_prompt%}<|start_header_id|>assistant<|end_header_id|>\n\n{%endif%}"
#define LLAMA31_HEAD "{bos_token}{%if custom_tools is defined%}*{%endif%}" \
    "{%if not tools_in_user_message is defined%}{%set tools_in_user_message=true%}{%endif%}"
#define LLAMA31_SYSTEM \
    "{%if not tools is defined%}{%set tools=none%}{%endif%}{%if messages[0].role=='system'%}" \
    "{%set system_message=messages[0].content|trim%}{%set messages=messages[1:]%}" \
    "{%else%}{%set system_message=''%}{%endif%}<|start_header_id|>system<|end_header_id|>\n\n"
#define LLAMA31_REST \
    "Cutting Knowledge Date: December 2023\nToday Date: {date_string}\n\n" \
    "{%if tools is not none and not tools_in_user_message%}*{%endif%}{system_message}<|eot_id|>" \
    "{%if tools_in_user_message and not tools is none%}*{%endif%}{%for message in messages%}" \
    "{%if not(message.role=='ipython' or message.role=='tool' or 'tool_calls' in message)%}" \
    "<|start_header_id|>{message.role}<|end_header_id|>\n\n{message.content|trim}<|eot_id|>" \
    "{%elif 'tool_calls' in message%}*" \
    "{%elif message.role=='tool' or message.role=='ipython'%}*{%endif%}{%endfor%}" LLAMA3_OPEN

/* A statement that many begin with, and that does nothing. */
#define NO_OP \
    "{%if not add_generation_prompt is defined%}{%set add_generation_prompt=false%}{%endif%}"

static const struct form forms[] = {
    /* CHAT_PLAIN_TEMPLATE */
    { .pattern = "{%for m in messages%}{m.content}"
                 "{%if m.role=='assistant'%}{eos_token}{%endif%}{%endfor%}" },
    /* ChatML alone, as trl's setup_chat_format writes it */
    { .family = FAMILY_CHATML,
      .pattern = "{%for message in messages%}" CHATML_EACH "{%endfor%}" CHATML_OPEN },
    /* SmolLM2-Instruct, Qwen2-Instruct */
    { .family = FAMILY_CHATML,
      .pattern = "{%for message in messages%}{%if loop.first and messages[0].role!='system'%}"
                 CHATML_DEFAULT "{%endif%}" CHATML_EACH "{%endfor%}" CHATML_OPEN },
    /* Qwen2.5-Instruct */
    { .family = FAMILY_CHATML, .strict = true,
      .pattern = "{%if tools%}*{%else%}{%if messages[0].role=='system'%}" CHATML_SYSTEM "{%else%}"
                 CHATML_DEFAULT "{%endif%}{%endif%}{%for message in messages%}"
                 "{%if(message.role=='user')or(message.role=='system' and not loop.first)or"
                 "(message.role=='assistant' and not message.tool_calls)%}" CHATML_EACH
                 "{%elif message.role=='assistant'%}*{%elif message.role=='tool'%}*{%endif%}"
                 "{%endfor%}" CHATML_OPEN },
    /* Qwen3, first version */
    { .family = FAMILY_CHATML, .strict = true, .think = true,
      .pattern = QWEN3_HEAD QWEN3_LAST("") QWEN3_USER CHATML_EACH
                 "{%elif message.role=='assistant'%}{%set content=message.content%}"
                 "{%set reasoning_content=''%}"
                 "{%if message.reasoning_content is defined and "
                 "message.reasoning_content is not none%}"
                 "{%set reasoning_content=message.reasoning_content%}"
                 "{%else%}{%if '</think>' in message.content%}" QWEN3_REST("message.content")
                 QWEN3_REASONING("message.content") "{%endif%}{%endif%}" QWEN3_THINK },
    /* Qwen3, second version */
    { .family = FAMILY_CHATML, .strict = true, .think = true,
      .pattern = QWEN3_HEAD QWEN3_LAST("message.content is string and ") QWEN3_CONTENT QWEN3_USER
                 QWEN3_ASSISTANT "<|im_end|>\n{%elif message.role=='assistant'%}"
                 "{%set reasoning_content=''%}{%if message.reasoning_content is string%}"
                 "{%set reasoning_content=message.reasoning_content%}"
                 "{%else%}{%if '</think>' in content%}" QWEN3_REASONING("content")
                 QWEN3_REST("content") "{%endif%}{%endif%}" QWEN3_THINK },
    /* Qwen3-Instruct-2507 */
    { .family = FAMILY_CHATML, .strict = true,
      .pattern = QWEN3_HEAD "{%for message in messages%}" QWEN3_CONTENT QWEN3_USER
                 QWEN3_ASSISTANT "<|im_end|>\n{%elif message.role=='assistant'%}" QWEN3_ASSISTANT
                 QWEN3_TAIL CHATML_OPEN },
    /* Llama 3 Instruct */
    { .family = FAMILY_LLAMA3,
      .pattern = "{%set loop_messages=messages%}{%for message in loop_messages%}"
                 "{%set content='<|start_header_id|>'+message.role+'<|end_header_id|>\n\n'"
                 "+message.content|trim+'<|eot_id|>'%}"
                 "{%if loop.index0==0%}{%set content=bos_token+content%}{%endif%}{content}"
                 "{%endfor%}" LLAMA3_OPEN },
    /* Llama 3.1 and 3.3 Instruct */
    { .family = FAMILY_LLAMA3, .strict = true, .dated = true,
      .pattern = LLAMA31_HEAD
                 "{%if not date_string is defined%}{%set date_string='@'%}{%endif%}" LLAMA31_SYSTEM
                 "{%if builtin_tools is defined or tools is not none%}*{%endif%}"
                 "{%if builtin_tools is defined%}*{%endif%}" LLAMA31_REST },
    /* Llama 3.2 Instruct, as if there were no clock */
    { .family = FAMILY_LLAMA3, .strict = true, .dated = true,
      .pattern = LLAMA31_HEAD
                 "{%if not date_string is defined%}{%if strftime_now is defined%}*{%else%}"
                 "{%set date_string='@'%}{%endif%}{%endif%}" LLAMA31_SYSTEM
                 "{%if tools is not none%}*{%endif%}" LLAMA31_REST },
};

#endif
