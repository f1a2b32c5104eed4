"""Where other people's frameworks meet the engine. Each module needs its own extra, and nothing here imports any of them.

=======================  ===============================================================  =============
module                   what it is                                                       extra
=======================  ===============================================================  =============
``openai_wrapper``       ``GovernedOpenAIClient``, ``GovernedAsyncOpenAIClient``          ``openai``
``anthropic_wrapper``    ``GovernedAnthropicClient``, ``GovernedAsyncAnthropicClient``    ``anthropic``
``decorator``            ``@governed`` for functions and coroutines
``asgi``                 ``GovernanceMiddleware`` for any ASGI application
``fastapi``              ``governed_request``, a dependency                               ``fastapi``
``langchain``            ``governed_tool`` around any tool                                ``langchain``
=======================  ===============================================================  =============
"""
